import type { KeyStore } from '../../sealing/key-store/key-store.js';
import { openOne } from '../../sealing/opening.js';
import type { OutcomeOf } from '../../order/effects.js';
import { orderIdInKey } from '../../log/entity.js';
import type { Unknown } from '../port.js';
import { redacted } from '../redacted.js';
import type { PaymentProvider } from './port.js';

type Answer = OutcomeOf<'authorize'> | Unknown;

export const methodForgotten = { type: 'declined', code: 'payment_method_forgotten' } as const;

/**
 * Wraps a provider so that it gets the payment method in plain text; until this call, the method is
 * sealed. If its key was destroyed, the method cannot be read, and the payment is declined, unless
 * the provider knows the effect's key from an earlier call. The method is removed from the
 * provider's errors.
 */
export function withPlainMethods(
  keys: Pick<KeyStore, 'openingKey'>,
  provider: PaymentProvider,
): PaymentProvider {
  return {
    ...provider,
    async authorize(request, options) {
      const at = { orderId: orderIdInKey(request.key), path: ['payment', 'method'] };
      const method = await openOne(keys, at, request.method);
      if (method === undefined) {
        const known = await provider.lookUp(request.key, options);
        // The key belongs to an authorization. The caller refuses an answer of another type.
        return known.type === 'none' ? methodForgotten : (known as Answer);
      }
      options.signal.throwIfAborted();
      try {
        return await provider.authorize({ ...request, method }, options);
      } catch (error) {
        throw redacted(error, [method]);
      }
    },
  };
}
