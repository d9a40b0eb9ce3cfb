// A wrong provider: it takes no notice of the key of a shipment, so a repeated call takes units
// from the stock that have not left.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/inventory.mjs';

export * from '../../example-provider/inventory.mjs';

/** @import { InventoryModule } from '../../../../src/effects/inventory/port.js' */

/** @type {InventoryModule['deduct']} */
export async function deduct(request, options) {
  const known = (await example.lookUp(request.key, options)).type !== 'none';
  const answer = await example.deduct(request, options);
  const again = { ...request, key: request.key.replace(/\d+$/, () => randomUUID()) };
  return known ? await example.deduct(again, options) : answer;
}
