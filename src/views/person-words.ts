import { createHmac } from 'node:crypto';
import type { KeyStore } from '../access/persons/key-store.js';
import { openOne } from '../access/persons/opening.js';
import { ShortMemory } from '../concurrency/short-memory.js';
import { isSealed } from '../access/persons/sealing.js';
import type { Order } from '../order/order.js';
import { isMongoOutage } from '../outages/mongo-outage.js';
import { wholeWords } from './search-words.js';

/**
 * The words by which the sealed name and e-mail address of an order's customer are found: an HMAC
 * of each whole word. They cannot be read without the search key. A search finds whole words only.
 * There are none if the customer's key was destroyed, or if the texts are not sealed
 * (`searchWords`).
 *
 * They are kept in memory for ten seconds, so a step may still write them after the key was
 * destroyed. The order's `PersonForgotten` follows, and leaves no sealed text.
 *
 * @throws MongoError if the key store is unavailable
 */
export async function personWords(keys: KeyStore, order: Order): Promise<readonly string[]> {
  const { orderId, customer } = order;
  const { id: customerId, name, email = '' } = customer;
  const made = madeWith(keys);
  const sealedTexts = `${orderId} ${name} ${email}`;
  const known = made.get(sealedTexts);
  if (known !== undefined) return known;
  const texts = await Promise.all([
    opened(keys, { orderId, customerId, path: ['customer', 'name'] }, name),
    opened(keys, { orderId, customerId, path: ['customer', 'email'] }, email),
  ]);
  const words = [...new Set(texts.flatMap((text) => wholeWords(text ?? '')))];
  if (words.length === 0) return [];
  const hashed = await hashedWords(keys, words);
  made.keep(sealedTexts, hashed);
  return hashed;
}

type Hashes = ShortMemory<readonly string[]>;

/**
 * Recent hashes, by key store. Steps of an order that follow each other soon write the same words.
 */
const madeBefore = new WeakMap<KeyStore, Hashes>();

function madeWith(keys: KeyStore): Hashes {
  const made: Hashes = madeBefore.get(keys) ?? new ShortMemory({ forMs: 10_000, most: 10_000 });
  madeBefore.set(keys, made);
  return made;
}

export function hasSealedPersons({ customer: { name, email } }: Order): boolean {
  return isSealed(name) || (email !== undefined && isSealed(email));
}

/** Each word as `personWords` keeps it. @throws MongoError if the key store is unavailable */
export async function hashedWords(keys: KeyStore, words: readonly string[]): Promise<readonly string[]> {
  const key = await keys.searchKey();
  return words.map((word) =>
    createHmac('sha256', key).update(word).digest().subarray(0, HASH_BYTES).toString('base64url'),
  );
}

/** Long enough that two words do not collide. */
const HASH_BYTES = 15;

/** The plain text; undefined if the text is not sealed, or can no longer be opened. */
async function opened(
  keys: KeyStore,
  at: Parameters<typeof openOne>[1],
  text: string,
): Promise<string | undefined> {
  if (!isSealed(text)) return undefined;
  try {
    return await openOne(keys, at, text);
  } catch (error) {
    if (isMongoOutage(error)) throw error;
    return undefined;
  }
}
