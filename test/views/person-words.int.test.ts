import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { keyStoreOf } from '../../src/sealing/key-store/key-store-of.js';
import type { KeyStore } from '../../src/sealing/key-store/key-store.js';
import { seal } from '../../src/sealing/seal.js';
import type { Order } from '../../src/order/order.js';
import { hashedWords, personWords } from '../../src/views/person-words.js';
import { states } from '../order/examples.js';
import { openDatabase } from '../support/database.js';

const database = await openDatabase();
afterAll(() => database.close());

let asked: string[];
/** A key store that notes each requested key. */
let keyStore: KeyStore;
beforeEach(() => {
  asked = [];
  const store = keyStoreOf(database.db);
  keyStore = Object.assign(Object.create(store) as KeyStore, {
    openingKey: async (keyId: string, of?: string) => {
      asked.push(keyId);
      return await store.openingKey(keyId, of);
    },
  });
});

async function sealedOrder(name: string, orderId: string = randomUUID()): Promise<Order> {
  const { order } = states.confirmed;
  const key = await keyStore.sealingKey(order.customer.id);
  const sealed = seal(key, { orderId, field: 'customer.name' }, name);
  return { ...order, orderId, customer: { id: order.customer.id, name: sealed } };
}

test('consecutive steps of an order read its key once', async () => {
  const order = await sealedOrder('Ada Lovelace');
  const words = await personWords(keyStore, order);
  expect(words).toStrictEqual(await hashedWords(keyStore, ['ada', 'lovelace']));
  expect(await personWords(keyStore, { ...order, version: order.version + 1 })).toStrictEqual(words);
  expect(asked).toHaveLength(1);
});

test('each order, and each name, has search words of its own', async () => {
  const order = await sealedOrder('Ada Lovelace');
  await personWords(keyStore, order);
  const renamed = await sealedOrder('Ada Byron', order.orderId);
  expect(await personWords(keyStore, renamed)).toStrictEqual(await hashedWords(keyStore, ['ada', 'byron']));
  const moved = { ...order, orderId: randomUUID() };
  expect(await personWords(keyStore, moved)).toStrictEqual([]);
});

test('an order that has forgotten its personal data has no search words', async () => {
  const order = await sealedOrder('Ada Lovelace');
  await personWords(keyStore, order);
  expect(
    await personWords(keyStore, { ...order, customer: { ...order.customer, name: 'forgotten' } }),
  ).toStrictEqual([]);
});
