import type { KeyObject } from 'node:crypto';
import type { Db } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { createSingleFlight } from '../../concurrency/single-flight.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { isMongoOutage, undefinedInOutage } from '../../outages/mongo-outage.js';
import { withTimeout } from '../../outages/timeout.js';
import { ANSWER_WITHIN_MS, createBoundedQuery } from './bounded-query.js';
import { type CustomerKey, newCustomerKey } from '../customer-key.js';
import { isFresh, KeyCache } from './key-cache.js';
import { type KeyRow, KeyRows, toWrappedRow } from './key-rows.js';
import type { FoundKey, KeysToDestroy, KeyStore } from './key-store.js';
import type { KeysToStore } from './keys-to-store.js';
import { MasterKeyMissing, type MasterKeys, unwrap } from './master-keys.js';
import { rewrapAll } from './rewrap.js';
import { SpareKeys } from './spare-keys.js';
import { SystemKeys } from './system-keys.js';

/** Short, because a spare key is used if the store does not answer. */
const SEALS_WITHIN_MS = 300;
/** Short, because a known key is used if the store does not answer. */
const CONFIRMS_WITHIN_MS = 100;
const READ_AGAIN_MS = 20;
const MAX_READ_ATTEMPTS = 100;

/**
 * @param db the key store's database
 * @param masterKeys is called for each key that is wrapped or unwrapped, so it has to be fast
 */
export function createKeyStore(db: Db, masterKeys: () => MasterKeys, toStore: KeysToStore): KeyStore {
  return new MongoKeyStore(db, masterKeys, toStore);
}

class MongoKeyStore implements KeyStore {
  private readonly db: Db;
  private readonly masterKeys: () => MasterKeys;
  private readonly ask = createBoundedQuery();
  private readonly cache = new KeyCache();
  private readonly rows: KeyRows;
  private readonly system: SystemKeys;
  private readonly spares: SpareKeys;
  /** concurrent calls for one customer share one search for its sealing key */
  private readonly searching = createSingleFlight<CustomerKey>();
  /** the claims that are under way */
  private readonly claims = new Set<Promise<unknown>>();
  /** see `holdUntil`; undefined if nothing is waited for */
  private held: Promise<unknown> | undefined;

  constructor(db: Db, masterKeys: () => MasterKeys, toStore: KeysToStore) {
    const { ask } = this;
    this.db = db;
    this.masterKeys = masterKeys;
    this.rows = new KeyRows(db);
    this.system = new SystemKeys(db, masterKeys, ask);
    this.spares = new SpareKeys({ rows: this.rows, system: this.system, masterKeys, toStore, ask });
  }

  /** Concurrent callers for one customer get the same key. */
  async sealingKey(customerId: string): Promise<CustomerKey> {
    const known = this.cache.sealingKey(customerId);
    if (known !== undefined && isFresh(known)) return known.key;
    return await this.searching(customerId, () => this.findSealingKey(customerId));
  }

  /**
   * Takes a customer's key from the first of these sources that has one:
   *
   * 1. the store, if it has a key of the customer;
   * 2. the cache, if the store does not answer, or has not assigned the cached key to the customer
   *    yet;
   * 3. the spare keys: one of them, which is in the store already, is assigned to the customer;
   * 4. a new key: in the store, or on this machine's disk while the store is unavailable.
   */
  private async findSealingKey(customerId: string): Promise<CustomerKey> {
    const { cache, rows, spares } = this;
    const known = cache.sealingKey(customerId);
    const withinMs = known === undefined ? SEALS_WITHIN_MS : CONFIRMS_WITHIN_MS;
    const stored = await undefinedInOutage(this.ask(() => rows.findSealing(customerId), withinMs));
    const row = stored?.get(customerId);
    if (row !== undefined && (await this.isReady()))
      return cache.keepSealing(customerId, this.unwrappedIn(row));
    // A key that was given out during an outage, or just now, may not be assigned to this customer
    // in the store yet. If the store answers, the key is used only if the store has it, and has not
    // destroyed it or taken it out of use.
    if (known !== undefined && (stored === undefined || (await this.isUsable(known.key.keyId))))
      return cache.keepSealing(customerId, known.key);
    if (stored !== undefined) await this.system.proveMasterKeys();
    const spare = spares.take();
    if (spare === undefined) {
      if (stored !== undefined) return await this.makeSealingKey(customerId);
      return cache.keepSealing(customerId, this.unwrappedIn(spares.keyOnMachine(customerId)));
    }
    // The claim is not awaited: if it fails, the first process that opens a value under the key
    // repeats it.
    this.track(rows.claim(spare.keyId, customerId).catch(() => undefined));
    return cache.keepSealing(customerId, spare);
  }

  private async isUsable(keyId: string): Promise<boolean> {
    const row = (await this.ask(() => this.rows.find(keyId))).get(keyId);
    return row?.wrapped !== undefined && row.retired === undefined;
  }

  /** Makes a key for a customer, unless another process has just done so. */
  private async makeSealingKey(customerId: string): Promise<CustomerKey> {
    const { cache, rows } = this;
    await rows.ensureIndexes();
    const key = newCustomerKey();
    try {
      await rows.insertSealing(toWrappedRow(key, this.masterKeys()), customerId);
      return cache.keepSealing(customerId, key);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      // Another process has stored its key. It can be read once a majority has it.
      for (let tries = 0; tries < MAX_READ_ATTEMPTS; tries += 1) {
        const row = (await rows.findSealing(customerId)).get(customerId);
        if (row !== undefined) return cache.keepSealing(customerId, this.unwrappedIn(row));
        await pause(READ_AGAIN_MS);
      }
      throw new Error(`The key that seals for customer ${customerId} cannot be read.`, { cause: error });
    }
  }

  private unwrappedIn({ _id: keyId, wrapped: text = '' }: Pick<KeyRow, '_id' | 'wrapped'>): CustomerKey {
    const known = this.cache.openingKey(keyId);
    return { keyId, key: known?.key ?? unwrap(this.masterKeys(), keyId, text) };
  }

  private track(claim: Promise<unknown>): void {
    this.claims.add(claim);
    void claim.finally(() => this.claims.delete(claim));
  }

  async openingKey(keyId: string, customerId?: string): Promise<FoundKey> {
    return await this.findOpeningKey(keyId, customerId, this.rows.find);
  }

  async openingKeys(keyIds: ReadonlySet<string>): Promise<ReadonlyMap<string, FoundKey>> {
    let reading: ReturnType<KeyRows['findAll']> | undefined;
    const together = () => (reading ??= this.rows.findAll([...keyIds]));
    const keys = await Promise.all(
      [...keyIds].map(async (keyId) => {
        try {
          return [keyId, await this.findOpeningKey(keyId, undefined, together)] as const;
        } catch (error) {
          if (!isMongoOutage(error) && !(error instanceof MasterKeyMissing)) throw error;
          return [keyId, 'unknown'] as const;
        }
      }),
    );
    return new Map(keys);
  }

  /** @param find reads the row of this key, and perhaps those of other keys */
  private async findOpeningKey(
    keyId: string,
    customerId: string | undefined,
    find: KeyRows['find'],
  ): Promise<FoundKey> {
    const { ask, cache, rows } = this;
    const known = cache.openingKey(keyId);
    if (known !== undefined && isFresh(known)) return known.key;
    const withinMs = known === undefined ? ANSWER_WITHIN_MS : CONFIRMS_WITHIN_MS;
    try {
      if (this.held !== undefined) await withTimeout(withinMs, this.held);
      const stored = (await ask(() => find(keyId), withinMs)).get(keyId);
      const row = stored ?? (await this.spares.storeFromMachine(keyId));
      if (row?.wrapped === undefined) {
        cache.dropOpening(keyId);
        return row === undefined ? 'unknown' : 'destroyed';
      }
      const { key } = this.unwrappedIn(row);
      if (row.customerId === undefined && customerId !== undefined)
        await ask(() => rows.claim(keyId, customerId));
      cache.keepOpening(keyId, key);
      return key;
    } catch (error) {
      if (known === undefined || !isMongoOutage(error)) throw error;
      return known.key;
    }
  }

  async keysOf(customerId: string): Promise<readonly string[]> {
    return await this.rows.keysOf(customerId);
  }

  async retire(customerId: string, also: readonly string[] = []): Promise<readonly string[]> {
    await Promise.all(this.claims);
    this.cache.dropSealing(customerId);
    return await this.rows.retire(customerId, also);
  }

  async destroy(...all: readonly KeysToDestroy[]): Promise<void> {
    for (const { customerId } of all) this.cache.dropSealing(customerId);
    await this.rows.destroy(all);
    for (const keyId of all.flatMap(({ keyIds }) => keyIds)) this.cache.dropOpening(keyId);
  }

  holdUntil(ready: Promise<unknown>): void {
    const waiting = Promise.all([this.held, ready]);
    this.held = waiting;
    void this.release(waiting);
  }

  private async release(waiting: Promise<unknown>): Promise<void> {
    await waiting;
    if (this.held === waiting) this.held = undefined;
  }

  private async isReady(): Promise<boolean> {
    if (this.held === undefined) return true;
    return await withTimeout(SEALS_WITHIN_MS, this.held).then(
      () => true,
      () => false,
    );
  }

  async searchKey(): Promise<Buffer> {
    return await this.system.searchKey();
  }

  async signingKey(): Promise<KeyObject> {
    return await this.system.signingKey();
  }

  async identity(): Promise<string> {
    return await this.system.identity();
  }

  async rewrap(): Promise<number> {
    return await rewrapAll(this.db, this.masterKeys);
  }

  keepSpares(): void {
    this.spares.keep();
  }

  async close(): Promise<void> {
    await this.spares.close(this.claims);
  }
}
