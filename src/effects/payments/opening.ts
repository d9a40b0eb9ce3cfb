import type { KeyStore } from '../../access/persons/key-store.js';
import { openOne } from '../../access/persons/opening.js';
import { orderOf } from '../../order/effects.js';
import { messageOf } from '../../outages/message-of.js';
import type { PaymentProvider } from './port.js';

/**
 * Gives a provider the payment method in plain text, which is sealed up to here. If its key was
 * destroyed, the payment is declined: its method is lost.
 *
 * Errors of the provider are kept by Temporal and shown to people. So they have the method hidden,
 * and no `cause`.
 */
export function openingMethods(keys: Pick<KeyStore, 'opening'>, provider: PaymentProvider): PaymentProvider {
  return {
    ...provider,
    async authorize(request, options) {
      const place = { orderId: orderOf(request.key), path: ['payment', 'method'] };
      const method = await openOne(keys, place, request.method);
      if (method === undefined) return { type: 'declined', code: 'payment_method_forgotten' };
      options.signal.throwIfAborted();
      try {
        return await provider.authorize({ ...request, method }, options);
      } catch (error) {
        // oxlint-disable-next-line preserve-caught-error -- it may have the method anywhere in it
        throw new Error(messageOf(error).replaceAll(method, '***'));
      }
    },
  };
}
