// A wrong provider: it knows only the keys that this process has been given an answer to, so it
// forgets a charge whose answer was lost in a crash, and charges again.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/payments.mjs';

export * from '../../example-provider/payments.mjs';

/**
 * @import { PaymentModule, PaymentType } from '../../../../src/effects/payments/port.js'
 * @import { OutcomeOf } from '../../../../src/order/effects.js'
 */

/** @type {Map<string, OutcomeOf<PaymentType>>} */
const remembered = new Map();

/** @type {PaymentModule['authorize']} */
export async function authorize(request, options) {
  const known = /** @type {OutcomeOf<'authorize'> | undefined} */ (remembered.get(request.key));
  if (known !== undefined) return known;
  const key = request.key.replace(/\d+$/, () => randomUUID());
  const outcome = await example.authorize({ ...request, key }, options);
  if (outcome.type !== 'unknown') remembered.set(request.key, outcome);
  return outcome;
}

/** @type {PaymentModule['lookUp']} */
export async function lookUp(key, options) {
  return remembered.get(key) ?? (await example.lookUp(key, options));
}
