import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { seal } from '../../../src/sealing/seal.js';
import { noCarriers } from '../../../src/effects/carriers/no-carriers.js';
import { withPlainReceivers } from '../../../src/effects/carriers/plain-receivers.js';
import type { BookRequest, CarrierProvider } from '../../../src/effects/carriers/port.js';
import { carrierEffects } from '../../../src/effects/performing.js';
import type { EffectOf } from '../../../src/order/effects.js';

const customerKey = { keyId: 'key-of-ada-0', key: randomBytes(32) };
const sealed = (field: string, text: string) => seal(customerKey, { orderId: 'o-1', field }, text);
const address = { street: '1 Main St', city: 'Berlin', postalCode: '10115', country: 'DE' };

function effect(name?: string): EffectOf<'book'> {
  const given = name === undefined ? address : { name, ...address };
  return {
    type: 'book',
    key: 'o-1:book:9',
    correlationId: 'c',
    shipmentId: 's1',
    carrier: 'DHL',
    lines: [{ sku: 'A-1', quantity: 2, name: 'Anvil' }],
    customer: { name: sealed('customer.name', 'Ada Example') },
    shippingAddress: Object.fromEntries(
      Object.entries(given).map(([member, text]) => [member, sealed(`shippingAddress.${member}`, text)]),
    ) as unknown as EffectOf<'book'>['shippingAddress'],
  };
}

/** A provider that has this `book` only, and this answer of `lookUp`. */
function opening(
  book: CarrierProvider['book'],
  key: Buffer | 'destroyed' = customerKey.key,
  signal = new AbortController().signal,
  known: Awaited<ReturnType<CarrierProvider['lookUp']>> = { type: 'none' },
) {
  const keys = { openingKey: () => Promise.resolve(key) };
  // No other function of the provider is called.
  const lookUp = () => Promise.resolve(known);
  const its: Partial<CarrierProvider> = { book, lookUp };
  const port = withPlainReceivers(keys, its as CarrierProvider);
  return { port, call: (name?: string) => port.book(effect(name), { signal }) };
}

const booked = { type: 'booked', carrier: 'DHL', trackingNumber: '1' } as const;

test.each([
  ['the name of the address', 'Grace Example', 'Grace Example'],
  ['the name of the customer if the address has none', undefined, 'Ada Example'],
])('a carrier gets the receiver in plain text, with %s', async (_, given, name) => {
  const requests: BookRequest[] = [];
  const { call } = opening((request) => {
    requests.push(request);
    return Promise.resolve(booked);
  });
  expect(await call(given)).toEqual(booked);
  expect(requests).toEqual([
    {
      key: 'o-1:book:9',
      orderId: 'o-1',
      shipmentId: 's1',
      carrier: 'DHL',
      lines: [{ sku: 'A-1', quantity: 2, name: 'Anvil' }],
      receiver: { name, ...address },
    },
  ]);
});

test('without a carrier in the request, the provider chooses one', async () => {
  let request: BookRequest | undefined;
  const { port } = opening((given) => {
    request = given;
    return Promise.resolve(booked);
  });
  const { carrier: _, ...without } = effect();
  await port.book(without, { signal: new AbortController().signal });
  expect(request).not.toHaveProperty('carrier');
});

test('for a forgotten receiver no carrier is called, and the label is refused', async () => {
  let isCalled = false;
  const book: CarrierProvider['book'] = () => {
    isCalled = true;
    return Promise.resolve(booked);
  };
  for (const name of [undefined, 'Grace Example'])
    expect(await opening(book, 'destroyed').call(name)).toEqual({
      type: 'refused',
      code: 'receiver_forgotten',
    });
  expect(isCalled).toBe(false);
});

test.each([booked, { type: 'unknown' }] as const)(
  'for a forgotten receiver, the carrier’s earlier answer stands: %j',
  async (known) => {
    const book = () => Promise.reject(new Error('it was called'));
    expect(await opening(book, 'destroyed', undefined, known).call()).toEqual(known);
  },
);

test('an error of the carrier is passed on without the receiver, also in capitals and in a URL', async () => {
  const { port } = opening(({ receiver }) => {
    const { name, street, postalCode = '', city, country } = receiver;
    const cause = new Error(`400 for ${name}`);
    const url = `https://post.example/?to=${encodeURIComponent(name)}&at=${street.replaceAll(' ', '+')}`;
    const text = `no route to ${name}, ${street.toUpperCase()}, ${postalCode} ${city}, ${country}: ${url}`;
    return Promise.reject(new Error(text, { cause }));
  });
  const { book } = carrierEffects({ name: 'post', port, limits: { concurrency: 1, timeoutMs: 60_000 } });
  const error: unknown = await book(effect(), false).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    message: 'post: book failed: no route to ***, ***, *** ***, DE: https://post.example/?to=***&at=***',
  });
  expect(error).not.toHaveProperty('cause');
  expect((error as Error).stack).not.toMatch(/Ada|Main|Berlin/);
});

test('without carriers, a label is refused on the first try and on any later one', async () => {
  const keys = { openingKey: () => Promise.resolve(customerKey.key) };
  const port = withPlainReceivers(keys, noCarriers);
  const { book } = carrierEffects({ name: 'none', port, limits: { concurrency: 1, timeoutMs: 60_000 } });
  const refused = { type: 'refused', code: 'no_carriers' };
  expect([await book(effect(), false), await book(effect(), true)]).toEqual([refused, refused]);
});

test('the carrier is not called if the activity was cancelled while the receiver was opened', async () => {
  let isCalled = false;
  const book: CarrierProvider['book'] = () => {
    isCalled = true;
    return Promise.resolve({ type: 'unknown' });
  };
  await expect(opening(book, customerKey.key, AbortSignal.abort()).call()).rejects.toThrow('aborted');
  expect(isCalled).toBe(false);
});
