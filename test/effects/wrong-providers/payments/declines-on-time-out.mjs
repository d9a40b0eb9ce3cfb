// A wrong provider: it takes a time-out for a decline, though the money was set aside.
import { authorize as asks } from '../../example-provider/payments.mjs';

export * from '../../example-provider/payments.mjs';

/** @import { PaymentModule } from '../../../../src/effects/payments/port.js' */

/** @type {PaymentModule['authorize']} */
export async function authorize(request, options) {
  try {
    return await asks(request, options);
  } catch {
    return { type: 'declined', code: 'no_answer' };
  }
}
