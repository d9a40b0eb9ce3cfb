// A wrong provider: after a time-out it makes a new key for the next try, though the first call
// took effect. So the amount is set aside twice.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/payments.mjs';

export * from '../../example-provider/payments.mjs';

/** @import { PaymentModule } from '../../../../src/effects/payments/port.js' */

/** The key that is used from the next try on. @type {Map<string, string>} */
const renewed = new Map();

/** @type {PaymentModule['authorize']} */
export async function authorize(request, options) {
  const key = renewed.get(request.key) ?? request.key;
  try {
    return await example.authorize({ ...request, key }, options);
  } catch (error) {
    const next = request.key.replace(/\d+$/, () => randomUUID());
    if (options.signal.aborted) renewed.set(request.key, next);
    throw error;
  }
}

/** @type {PaymentModule['lookUp']} */
export const lookUp = async (key, options) => await example.lookUp(renewed.get(key) ?? key, options);
