// A wrong provider: it takes no notice of the key of a capture, so a repeated call charges again.
import { randomUUID } from 'node:crypto';
import { capture as takes, lookUp as looksUp } from '../../example-provider/payments.mjs';

export * from '../../example-provider/payments.mjs';

/** @import { PaymentModule } from '../../../../src/effects/payments/port.js' */

/** @type {Map<string, string>} */
const latest = new Map();

/** @type {PaymentModule['capture']} */
export async function capture(request, options) {
  const key = request.key.replace(/\d+$/, () => randomUUID());
  latest.set(request.key, key);
  return await takes({ ...request, key }, options);
}

/** @type {PaymentModule['lookUp']} */
export async function lookUp(key, options) {
  return await looksUp(latest.get(key) ?? key, options);
}
