// A wrong provider: it reserves the lines that there are, and leaves out the others. So units are
// reserved of an order that is out of stock, and stay so.
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
