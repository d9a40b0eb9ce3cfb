import type { KeyStore } from '../../access/persons/key-store.js';
import { openOne } from '../../access/persons/opening.js';
import { orderOf } from '../../order/effects.js';
import type { PaymentProvider } from './payments.js';

/**
 * Gives a provider the payment method in plain text, which is sealed up to here. If its key was
 * destroyed, the payment is declined: nobody has the method any more.
 */
export function openingMethods(keys: KeyStore, provider: PaymentProvider): PaymentProvider {
  return {
    ...provider,
    async authorize(request, options) {
      const place = { orderId: orderOf(request.key), path: ['payment', 'method'] };
      const method = await openOne(keys, place, request.method);
      if (method === undefined) return { type: 'declined', code: 'payment_method_forgotten' };
      return await provider.authorize({ ...request, method }, options);
    },
  };
}
