import type { KeyObject } from 'node:crypto';
import type { CustomerKey } from '../customer-key.js';

/**
 * A key that opens values. It is `destroyed` if the key was destroyed, and `unknown` if the store
 * has no such key.
 */
export type FoundKey = Buffer | 'destroyed' | 'unknown';

/** Why keys were destroyed. It is kept with their ids. */
export interface Destruction {
  /** the reason in words, such as a law or a customer's request */
  readonly reason: string;
  readonly actor: string;
  /** ISO-8601 UTC */
  readonly at: string;
}

export interface KeysToDestroy {
  readonly customerId: string;
  readonly keyIds: readonly string[];
  readonly why: Destruction;
}

/**
 * Crypto-shredding with envelope encryption: each customer's data key is wrapped by a master key
 * (`master-keys.ts`); destroying the data key forgets the customer. The keys are in a separate
 * database. A key is used for at most a second without asking the store whether it was destroyed.
 * While the store is unavailable, known keys stay in use.
 */
export interface KeyStore {
  /**
   * The key that seals new values of this customer. A new customer gets one of the spare keys of
   * this process. If the store is unavailable and none is left, the key is kept on this machine
   * (see `KeysToStore`).
   */
  sealingKey(customerId: string): Promise<CustomerKey>;
  /**
   * The key with this id, to open the values that it has sealed.
   *
   * @param customerId the customer of the order that names the key. If the key belongs to no
   *   customer yet, because it was given out while the store was unavailable, it is assigned to
   *   this customer.
   * @throws MongoError or DeadlineExceeded if the store is unavailable and the key is unknown here;
   *   MasterKeyMissing if this process lacks the master key that wraps the key
   */
  openingKey(keyId: string, customerId?: string): Promise<FoundKey>;
  /**
   * `openingKey` for many keys, with one query. A key is also `unknown` if the store is
   * unavailable, or if this process lacks the master key that wraps the key.
   */
  openingKeys(keyIds: ReadonlySet<string>): Promise<ReadonlyMap<string, FoundKey>>;
  /** The ids of the customer's keys that are not destroyed. The key that seals comes first. */
  keysOf(customerId: string): Promise<readonly string[]>;
  /**
   * Takes all keys of a customer out of use. From then on, new values are sealed under another key.
   * Values that were sealed before can still be opened.
   *
   * @param also further key ids that the customer's orders name. A key of another customer is left
   *   alone, because an order may name any key.
   * @returns the ids of all keys of the customer that are not destroyed, and those in `also` that
   *   are destroyed or not in the store
   */
  retire(customerId: string, also?: readonly string[]): Promise<readonly string[]>;
  /**
   * Destroys keys, and leaves a row without key material for each. A key may be missing in the
   * store or destroyed already. A key of another customer is left alone.
   */
  destroy(...all: readonly KeysToDestroy[]): Promise<void>;
  /**
   * Uses no key of the store until `ready` has resolved, because a restored store may have keys
   * that must be destroyed again. Meanwhile, opening fails as if the store were unavailable, and
   * values are sealed under new keys.
   */
  holdUntil(ready: Promise<unknown>): void;
  /** The Ed25519 key that signs certificates. */
  signingKey(): Promise<KeyObject>;
  /** The key of the hashes by which sealed values are searched. */
  searchKey(): Promise<Buffer>;
  /**
   * An id that no other system's store has. It reveals nothing about the keys. It is `empty` while
   * the store has no search key, from which the id is derived.
   *
   * @throws MongoError or DeadlineExceeded if the store is unavailable
   */
  identity(): Promise<string>;
  /**
   * Wraps every key with the first master key.
   *
   * @returns how many keys were wrapped by another master key before
   */
  rewrap(): Promise<number>;
  /**
   * Keeps up to 200 spare keys ready, so that new customers get a key while the store is
   * unavailable.
   */
  keepSpares(): void;
  /** Removes the spare keys that were not used. */
  close(): Promise<void>;
}
