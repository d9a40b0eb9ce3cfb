// A wrong provider: it reserves the lines that are in stock, although others are not. So units stay
// reserved for an order that was rejected as out of stock.
import * as example from '../../example-provider/inventory.mjs';

export * from '../../example-provider/inventory.mjs';

/** @import { InventoryModule } from '../../../../src/effects/inventory/port.js' */

/** @type {InventoryModule['reserve']} */
export async function reserve(request, options) {
  const outcome = await example.reserve(request, options);
  if (outcome.type !== 'out_of_stock') return outcome;
  const missing = new Set(outcome.missing.map(({ sku }) => sku));
  const lines = request.lines.filter(({ sku }) => !missing.has(sku));
  if (lines.length > 0) await example.reserve({ ...request, key: `${request.key}0`, lines }, options);
  return outcome;
}
