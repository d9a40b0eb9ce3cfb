// A wrong provider: it keeps the request in a variable of the module while it connects, so two
// concurrent calls both make the later one.
import { setTimeout } from 'node:timers/promises';
import * as example from '../../example-provider/payments.mjs';

export * from '../../example-provider/payments.mjs';

/** @import { PaymentModule } from '../../../../src/effects/payments/port.js' */

/** @type {Parameters<PaymentModule['authorize']>[0]} */
let latest;

/** @type {PaymentModule['authorize']} */
export async function authorize(request, options) {
  latest = request;
  await setTimeout(100);
  return await example.authorize(latest, options);
}
