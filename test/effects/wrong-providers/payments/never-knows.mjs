// A wrong provider: its look-up always answers `unknown`. So an order whose answer was lost waits
// for ever.
export * from '../../example-provider/payments.mjs';

/** @import { PaymentModule } from '../../../../src/effects/payments/port.js' */

/** @type {PaymentModule['lookUp']} */
export const lookUp = async () => ({ type: 'unknown' });
