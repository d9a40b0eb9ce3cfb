import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { keysOfDatabase } from '../../src/access/persons/key-store-of.js';
import type { KeyStore } from '../../src/access/persons/key-store.js';
import { seal } from '../../src/access/persons/sealing.js';
import type { Order } from '../../src/order/order.js';
import { hashedWords, personWords } from '../../src/views/person-words.js';
import { states } from '../order/examples.js';
import { openDatabase } from '../support/database.js';

const database = await openDatabase();
afterAll(() => database.close());

let asked: string[];
/** A key store that notes each requested key. */
let keys: KeyStore;
beforeEach(() => {
  asked = [];
  const store = keysOfDatabase(database.db);
  keys = Object.assign(Object.create(store) as KeyStore, {
    opening: async (keyId: string, of?: string) => {
      asked.push(keyId);
      return await store.opening(keyId, of);
    },
  });
});

async function sealedOrder(name: string, orderId: string = randomUUID()): Promise<Order> {
  const { order } = states.confirmed;
  const key = await keys.sealingKey(order.customer.id);
  const sealed = seal(key, { orderId, field: 'customer.name' }, name);
  return { ...order, orderId, customer: { id: order.customer.id, name: sealed } };
}

test('consecutive steps of an order read its key once', async () => {
  const order = await sealedOrder('Ada Lovelace');
  const words = await personWords(keys, order);
  expect(words).toStrictEqual(await hashedWords(keys, ['ada', 'lovelace']));
  expect(await personWords(keys, { ...order, version: order.version + 1 })).toStrictEqual(words);
  expect(asked).toHaveLength(1);
});

test('each order, and each name, has search words of its own', async () => {
  const order = await sealedOrder('Ada Lovelace');
  await personWords(keys, order);
  const renamed = await sealedOrder('Ada Byron', order.orderId);
  expect(await personWords(keys, renamed)).toStrictEqual(await hashedWords(keys, ['ada', 'byron']));
  const moved = { ...order, orderId: randomUUID() };
  expect(await personWords(keys, moved)).toStrictEqual([]);
});

test('an order that has forgotten its personal data has no search words', async () => {
  const order = await sealedOrder('Ada Lovelace');
  await personWords(keys, order);
  expect(
    await personWords(keys, { ...order, customer: { ...order.customer, name: 'forgotten' } }),
  ).toStrictEqual([]);
});
