// A wrong provider: only the process that has asked a slow bank knows of its authorization. Another
// one finds nothing while the first still waits, and sets the amount aside again.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/payments.mjs';

export * from '../../example-provider/payments.mjs';

/** @import { PaymentModule } from '../../../../src/effects/payments/port.js' */

/** @type {Map<string, string>} */
const own = new Map();

/** @type {PaymentModule['authorize']} */
export async function authorize(request, options) {
  if (request.method !== 'tok_slow') return await example.authorize(request, options);
  const key = own.get(request.key) ?? request.key.replace(/\d+$/, () => randomUUID());
  own.set(request.key, key);
  return await example.authorize({ ...request, key }, options);
}

/** @type {PaymentModule['lookUp']} */
export const lookUp = async (key, options) => await example.lookUp(own.get(key) ?? key, options);
