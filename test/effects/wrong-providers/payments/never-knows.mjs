// A wrong provider: asked what became of a key, it cannot say, now or later. So an order whose
// answer was lost waits for ever.
export * from '../../example-provider/payments.mjs';

/** @import { PaymentModule } from '../../../../src/effects/payments/port.js' */

/** @type {PaymentModule['lookUp']} */
export const lookUp = async () => ({ type: 'unknown' });
