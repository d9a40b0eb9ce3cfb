import type { KeyStore } from '../../access/persons/key-store.js';
import { openOne } from '../../access/persons/opening.js';
import { FORGOTTEN, personalMembers } from '../../order/forget.js';
import { type EffectOf, orderOf } from '../../order/effects.js';
import { messageOf } from '../../outages/message-of.js';
import type { CallOptions } from '../port.js';
import { noCarriersCode } from './no-carriers.js';
import type { BookRequest, CarrierProvider, Receiver } from './port.js';

/** What books labels, as steps use it: by the effect, whose persons may be sealed. */
export interface LabelProvider {
  book(effect: EffectOf<'book'>, options: CallOptions): ReturnType<CarrierProvider['book']>;
  lookUp: CarrierProvider['lookUp'];
}

const receiverForgotten = 'receiver_forgotten';

/** The codes of refusals for which no provider is asked, so none knows of them. */
export const ownRefusals: ReadonlySet<string> = new Set([receiverForgotten, noCarriersCode]);

/**
 * Wraps a provider so that it gets the receiver in plain text; until this call, name and address are
 * sealed. If their key was destroyed, they cannot be read, and the label is refused.
 *
 * Temporal stores the provider's errors and the Web UI shows them, so the receiver is removed from
 * their text, and they have no `cause`.
 */
export function openingReceivers(keys: Pick<KeyStore, 'opening'>, provider: CarrierProvider): LabelProvider {
  return {
    lookUp: (key, options) => provider.lookUp(key, options),
    async book(effect, options) {
      const receiver = await opened(keys, effect);
      options.signal.throwIfAborted();
      if (receiver === undefined) return await withoutReceiver(provider, effect.key, options);
      const { key, shipmentId, carrier, lines } = effect;
      const orderId = orderOf(key);
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
        // oxlint-disable-next-line preserve-caught-error -- it may have the receiver anywhere in it
        throw new Error(without(receiver, messageOf(error)));
      }
    },
  };
}

/** An earlier call may have booked the label, and its answer was lost. */
async function withoutReceiver(
  provider: CarrierProvider,
  key: string,
  options: CallOptions,
): ReturnType<CarrierProvider['book']> {
  const known = await provider.lookUp(key, options);
  return known.type === 'none' ? { type: 'refused', code: receiverForgotten } : known;
}

/** The receiver in plain text; undefined if the person is forgotten. */
async function opened(
  keys: Pick<KeyStore, 'opening'>,
  { key, customer, shippingAddress }: EffectOf<'book'>,
): Promise<Receiver | undefined> {
  const orderId = orderOf(key);
  // A sealed text opens only at the place that it was sealed for.
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

/**
 * A message without the receiver's name and address, also in capitals or in a URL. Countries stay:
 * they name nobody.
 */
function without(receiver: Receiver, message: string): string {
  return Object.entries(receiver)
    .filter(([member, text]) => member !== 'country' && text !== '')
    .map(([, text]) => text)
    .flatMap((text) => [
      text,
      encodeURIComponent(text),
      new URLSearchParams({ '': text }).toString().slice(1),
    ])
    .toSorted((one, other) => other.length - one.length)
    .reduce((left, text) => left.replaceAll(new RegExp(escaped(text), 'giu'), '***'), message);
}

/** A regular expression that matches this text. */
function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}
