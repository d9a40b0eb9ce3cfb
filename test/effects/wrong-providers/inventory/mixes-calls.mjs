// A wrong provider: it keeps the request in a variable of the module while it connects, so two
// concurrent calls both make the later one.
import { setTimeout } from 'node:timers/promises';
import * as example from '../../example-provider/inventory.mjs';

export * from '../../example-provider/inventory.mjs';

/** @import { InventoryModule } from '../../../../src/effects/inventory/port.js' */

/** @type {Parameters<InventoryModule['reserve']>[0]} */
let latest;

/** @type {InventoryModule['reserve']} */
export async function reserve(request, options) {
  latest = request;
  await setTimeout(100);
  return await example.reserve(latest, options);
}
