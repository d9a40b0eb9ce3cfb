// A wrong provider: it keeps the request in a variable of the module while it connects, so two
// concurrent calls both make the later one.
import { setTimeout } from 'node:timers/promises';
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {Parameters<CarrierModule['book']>[0]} */
let latest;

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  latest = request;
  await setTimeout(100);
  return await example.book(latest, options);
}
