import type { KeyStore } from '../../sealing/key-store/key-store.js';
import { openOne } from '../../sealing/opening.js';
import { FORGOTTEN, personalMembers } from '../../order/forget.js';
import type { EffectOf } from '../../order/effects.js';
import { orderIdInKey } from '../../log/entity.js';
import type { CallOptions } from '../port.js';
import { redacted } from '../redacted.js';
import type { BookRequest, CarrierProvider, Receiver } from './port.js';

/**
 * Books labels for steps. It gets the effect as the log has it, so the effect's personal data may
 * be sealed.
 */
export interface LabelProvider {
  book(effect: EffectOf<'book'>, options: CallOptions): ReturnType<CarrierProvider['book']>;
  lookUp: CarrierProvider['lookUp'];
}

export const receiverForgotten = { type: 'refused', code: 'receiver_forgotten' } as const;

/**
 * Wraps a provider so that it gets the receiver in plain text; until this call, name and address
 * are sealed. If their key was destroyed, they cannot be read, and the label is refused, unless the
 * provider knows the effect's key from an earlier call. The receiver is removed from errors of
 * `book`; `lookUp` gets no receiver.
 */
export function withPlainReceivers(
  keys: Pick<KeyStore, 'openingKey'>,
  provider: CarrierProvider,
): LabelProvider {
  return {
    lookUp: (key, options) => provider.lookUp(key, options),
    async book(effect, options) {
      const receiver = await openReceiver(keys, effect);
      if (receiver === undefined) {
        const known = await provider.lookUp(effect.key, options);
        return known.type === 'none' ? receiverForgotten : known;
      }
      options.signal.throwIfAborted();
      const { key, shipmentId, carrier, lines } = effect;
      const orderId = orderIdInKey(key);
      const request: BookRequest = {
        key,
        orderId,
        shipmentId,
        ...(carrier !== undefined && { carrier }),
        lines,
        receiver,
      };
      try {
        return await provider.book(request, options);
      } catch (error) {
        // The country is not redacted, because it does not identify a person.
        const { country: _, ...personal } = receiver;
        throw redacted(error, Object.values(personal));
      }
    },
  };
}

/** The receiver in plain text; undefined if the receiver is forgotten. */
async function openReceiver(
  keys: Pick<KeyStore, 'openingKey'>,
  { key, customer, shippingAddress }: EffectOf<'book'>,
): Promise<Receiver | undefined> {
  const orderId = orderIdInKey(key);
  // A sealed text can be opened only for the order and the field that it was sealed for.
  const open = async (owner: string, name: string, text: string) =>
    await openOne(keys, { orderId, path: [owner, name] }, text);
  const members = personalMembers.shippingAddress.filter((name) => shippingAddress[name] !== undefined);
  const texts = await Promise.all([
    shippingAddress.name === undefined ? open('customer', 'name', customer.name) : undefined,
    ...members.map((name) => open('shippingAddress', name, shippingAddress[name] ?? '')),
  ]);
  const [customerName, ...address] = texts;
  const isReadable = (text: string | undefined) => text !== undefined && text !== FORGOTTEN;
  if (!address.every(isReadable)) return undefined;
  if (shippingAddress.name === undefined && !isReadable(customerName)) return undefined;
  const plain = Object.fromEntries(members.map((name, index) => [name, address[index]]));
  return { ...shippingAddress, name: customerName ?? '', ...plain };
}
