// A wrong provider: the name of the carrier in its answer contains the receiver's name. The order's
// log would keep it, even after the customer is forgotten.
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  const { carrier, receiver } = request;
  if (carrier !== 'Sandbox Post') return await example.book(request, options);
  return await example.book({ ...request, carrier: `Post for ${receiver.name}` }, options);
}
