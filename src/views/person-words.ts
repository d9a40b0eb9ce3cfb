import { createHmac } from 'node:crypto';
import type { KeyStore } from '../sealing/key-store/key-store.js';
import { openOne } from '../sealing/opening.js';
import { ShortMemory } from '../concurrency/short-memory.js';
import { isSealed } from '../sealing/seal.js';
import type { Order } from '../order/order.js';
import { isMongoOutage } from '../outages/mongo-outage.js';
import { wholeWords } from './search-words.js';

/**
 * The words by which the sealed name and e-mail address of an order's customer are found: an HMAC
 * of each whole word, which can be guessed only with the search key. A search finds whole words
 * only. The list is empty if the customer's key was destroyed, or if the texts are not sealed:
 * `searchWords` has the words of plain texts.
 *
 * The words are cached for ten seconds, so a step may write them once more after the key was
 * destroyed. The step that then records `PersonForgotten` finds no sealed text, and removes them.
 *
 * @throws MongoError if the key store is unavailable
 */
export async function personWords(keyStore: KeyStore, order: Order): Promise<readonly string[]> {
  const { orderId, customer } = order;
  const { id: customerId, name, email = '' } = customer;
  const recent = recentHashesOf(keyStore);
  const sealedTexts = `${orderId} ${name} ${email}`;
  const known = recent.get(sealedTexts);
  if (known !== undefined) return known;
  const texts = await Promise.all([
    opened(keyStore, { orderId, customerId, path: ['customer', 'name'] }, name),
    opened(keyStore, { orderId, customerId, path: ['customer', 'email'] }, email),
  ]);
  const words = [...new Set(texts.flatMap((text) => wholeWords(text ?? '')))];
  if (words.length === 0) return [];
  const hashed = await hashedWords(keyStore, words);
  recent.keep(sealedTexts, hashed);
  return hashed;
}

type Hashes = ShortMemory<readonly string[]>;

/**
 * The latest hashes, by key store: the steps of an order often come within seconds, and write the
 * same words.
 */
const recentHashes = new WeakMap<KeyStore, Hashes>();

function recentHashesOf(keyStore: KeyStore): Hashes {
  const recent: Hashes = recentHashes.get(keyStore) ?? new ShortMemory({ forMs: 10_000, most: 10_000 });
  recentHashes.set(keyStore, recent);
  return recent;
}

export function hasSealedText({ customer: { name, email } }: Order): boolean {
  return isSealed(name) || (email !== undefined && isSealed(email));
}

/** The HMAC of each word (`personWords`). @throws MongoError if the key store is unavailable */
export async function hashedWords(keyStore: KeyStore, words: readonly string[]): Promise<readonly string[]> {
  const key = await keyStore.searchKey();
  return words.map((word) =>
    createHmac('sha256', key).update(word).digest().subarray(0, HASH_BYTES).toString('base64url'),
  );
}

/** Long enough that two words do not collide. */
const HASH_BYTES = 15;

/** The plain text; undefined if the text is not sealed, or can no longer be opened. */
async function opened(
  keyStore: KeyStore,
  at: Parameters<typeof openOne>[1],
  text: string,
): Promise<string | undefined> {
  if (!isSealed(text)) return undefined;
  try {
    return await openOne(keyStore, at, text);
  } catch (error) {
    if (isMongoOutage(error)) throw error;
    return undefined;
  }
}
