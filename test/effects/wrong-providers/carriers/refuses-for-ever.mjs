// A wrong provider: a shipment that was refused once is refused under each later key. So a label
// that another carrier would book is lost.
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { BookAnswer, CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {Map<string, BookAnswer>} */
const refusals = new Map();

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  const shipment = `${request.orderId}:${request.shipmentId}`;
  const refusal = refusals.get(shipment);
  if (refusal !== undefined) return refusal;
  const outcome = await example.book(request, options);
  if (outcome.type === 'refused') refusals.set(shipment, outcome);
  return outcome;
}
