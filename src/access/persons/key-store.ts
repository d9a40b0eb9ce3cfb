import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { AnyBulkWriteOperation, Collection, Db, Filter } from 'mongodb';
import { createBatcher } from '../../concurrency/batcher.js';
import { committed, durable, isDuplicateKey } from '../../log/journal/durability.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { withTimeout } from '../../outages/timeout.js';
import { webhookSecretRows } from '../webhook-secrets.js';
import type { KeptKey, KeptKeys } from './kept-keys.js';
import { isWrappedByFirst, type MasterKeys, unwrap, wrap } from './master-keys.js';
import type { CustomerKey } from './sealing.js';

/** Why keys were destroyed. It is kept with their ids. */
export interface Destruction {
  /** the law or the person that asked for it */
  readonly reason: string;
  readonly actor: string;
  /** ISO-8601 UTC */
  readonly at: string;
}

/** Keys of a customer that are to be destroyed. */
export interface Doomed {
  readonly customerId: string;
  readonly keyIds: readonly string[];
  readonly why: Destruction;
}

/**
 * The keys under which the persons of orders are sealed, in a database of their own. A key is used
 * for at most a second without asking the store whether it was destroyed, unless the store is away:
 * then known keys go on.
 */
export interface KeyStore {
  /**
   * The key that seals new values of this customer. A new customer gets one of the spare keys of
   * this process. If the store is away and none is left, the key is kept on this machine (see
   * `KeptKeys`).
   */
  sealingKey(customerId: string): Promise<CustomerKey>;
  /**
   * The key with this id: to open what it has sealed.
   *
   * @param of the customer of the order that names the key. If the key is no customer's yet, because
   *   it was given out while the store was away, it becomes the key of this one.
   * @throws MongoError or DeadlineExceeded if the store is away and the key is unknown here
   */
  opening(keyId: string, of?: string): Promise<Buffer | 'destroyed' | 'unknown'>;
  /** The ids of the customer's keys that are not destroyed, the one that seals first. */
  keysOf(customerId: string): Promise<readonly string[]>;
  /**
   * Takes all keys of a customer out of use for new values, which get another key from then on. What
   * they have sealed can still be opened.
   *
   * @param also further key ids that the customer's orders name; those of another customer are left
   *   alone, since an order may name any key
   * @returns the ids of all keys of the customer that are not destroyed, and those of `also` that are
   *   destroyed, or not in the store
   */
  retire(customerId: string, also?: readonly string[]): Promise<readonly string[]>;
  /**
   * Destroys keys, and leaves a row without key material for each. They need not be in the store, and
   * may be destroyed already; a key of another customer is left alone.
   */
  destroy(...doomed: readonly Doomed[]): Promise<void>;
  /**
   * Until this has resolved, no key that is in the store is used: it may have to be destroyed again.
   * Opening then fails as if the store were away, and values are sealed under new keys.
   */
  holdUntil(ready: Promise<unknown>): void;
  /** The Ed25519 key that signs certificates. */
  signingKey(): Promise<KeyObject>;
  /** The key of the hashes that persons are searched by. */
  searchKey(): Promise<Buffer>;
  /**
   * Tells this store from those of other systems, and shows nothing of its keys: `empty` while it has
   * none.
   *
   * @throws MongoError or DeadlineExceeded if the store is away
   */
  identity(): Promise<string>;
  /**
   * Wraps every key with the first master key.
   *
   * @returns how many keys another had wrapped
   */
  rewrap(): Promise<number>;
  /** Keeps some hundred spare keys, so that new customers go on while the store is away. */
  keepSpares(): void;
  /** Removes the spare keys that were not used. */
  close(): Promise<void>;
}

/** A key of a customer, or a spare one. The id of a destroyed key stays. */
interface KeyRow {
  readonly _id: string;
  /** see `wrap`; absent if the key was destroyed */
  readonly wrapped?: string;
  /** absent while the key is a spare one */
  readonly customerId?: string;
  /** new values of the customer are sealed under this key; one key of each customer has it */
  readonly sealing?: true;
  /** it seals no new values, because its person is to be forgotten */
  readonly retired?: true;
  readonly destroyed?: Destruction;
}

/** A key of the system: of the hashes that persons are searched by, or of certificates. */
interface SystemKeyRow {
  readonly _id: 'search' | 'certificates';
  readonly wrapped: string;
}

interface Known {
  readonly key: CustomerKey;
  readonly checkedAt: number;
}

const SPARES = 200;
/** How long a key is used without asking the store. */
export const FRESH_MS = 1_000;
const ANSWER_WITHIN_MS = 3_000;
/** For what has a substitute: a new customer gets a spare key. */
const SEALS_WITHIN_MS = 300;
/** A key that is known goes on without an answer. */
const CONFIRMS_WITHIN_MS = 100;
/** After an outage, the store is not asked for so long. */
const REST_MS = 2_000;
const LARGEST_CACHE = 10_000;
const REFILL_AGAIN_MS = 1_000;
const READ_AGAIN_MS = 20;
const READ_TRIES = 100;

/** The collections of a key store, for set-up and tests. */
export const keyRows = (db: Db): Collection<KeyRow> => db.collection<KeyRow>('customer_keys');
const systemKeyRows = (db: Db): Collection<SystemKeyRow> => db.collection<SystemKeyRow>('system_keys');

/**
 * @param db the key store's database
 * @param masterKeys called when the first key is wrapped or unwrapped
 */
export function openKeyStore(db: Db, masterKeys: () => MasterKeys, kept: KeptKeys): KeyStore {
  const rows = keyRows(db);
  const sealing = new Map<string, Known>();
  const opened = new Map<string, { readonly key: Buffer; readonly checkedAt: number }>();
  const looking = new Map<string, Promise<CustomerKey>>();
  const spares: CustomerKey[] = [];
  const claims = new Set<Promise<unknown>>();
  let restUntil = 0;
  let isClosed = false;
  /** spare keys are wanted: this process seals for long */
  let isKeeping = false;
  /** keys may wait on this machine for the store */
  let hasKept = true;
  let filling: Promise<void> | undefined;
  let indexes: Promise<unknown> | undefined;
  /** see `holdUntil`; undefined if nothing is waited for */
  let held: Promise<unknown> | undefined;
  const systemKeys = new Map<SystemKeyRow['_id'], Promise<Buffer>>();

  /** Asks the store, unless it did not answer a moment ago. */
  async function ask<T>(query: () => Promise<T>, withinMs = ANSWER_WITHIN_MS): Promise<T> {
    const isResting = Date.now() < restUntil;
    try {
      return await withTimeout(isResting ? Math.min(RESTING_WITHIN_MS, withinMs) : withinMs, query());
    } catch (error) {
      if (isMongoOutage(error) && !isResting) restUntil = Date.now() + REST_MS;
      throw error;
    }
  }

  function ensureIndexes(): Promise<unknown> {
    indexes ??= rows
      .createIndexes([
        { key: { customerId: 1, sealing: -1, _id: 1 } },
        { key: { customerId: 1 }, unique: true, partialFilterExpression: { sealing: true } },
      ])
      .catch((error: unknown) => {
        indexes = undefined;
        throw error;
      });
    return indexes;
  }

  const findKeys = createBatcher({ size: 100, concurrency: 4 }, async (keyIds: readonly string[]) => {
    const found = await rows.find({ _id: { $in: keyIds } }, committed).toArray();
    return new Map(
      found.map((row) => {
        const { _id: keyId } = row;
        return [keyId, row];
      }),
    );
  });
  const findSealing = createBatcher({ size: 100, concurrency: 4 }, async (customers: readonly string[]) => {
    const found = await rows
      .find(
        { customerId: { $in: customers }, wrapped: { $exists: true }, retired: { $exists: false } },
        committed,
      )
      .sort({ customerId: 1, sealing: 1, _id: -1 })
      .toArray();
    // The last one of a customer wins: the one that seals.
    return new Map(found.map((row) => [row.customerId, row]));
  });

  function newKey(): CustomerKey {
    return { keyId: randomBytes(9).toString('base64url'), key: randomBytes(32) };
  }

  function rowOf({ keyId, key }: CustomerKey): KeyRow & { wrapped: string } {
    return { _id: keyId, wrapped: wrap(masterKeys(), keyId, key) };
  }

  function remember(customerId: string, key: CustomerKey): CustomerKey {
    keep(sealing, customerId, { key, checkedAt: Date.now() });
    keep(opened, key.keyId, { key: key.key, checkedAt: Date.now() });
    return key;
  }

  function keyIn({ _id, wrapped = '' }: KeyRow): CustomerKey {
    const known = opened.get(_id);
    return { keyId: _id, key: known?.key ?? unwrap(masterKeys(), _id, wrapped) };
  }

  /** Concurrent callers for one customer get one key. */
  function sealingKey(customerId: string): Promise<CustomerKey> {
    const known = sealing.get(customerId);
    if (known !== undefined && isFresh(known)) return Promise.resolve(known.key);
    let finding = looking.get(customerId);
    if (finding === undefined) {
      finding = findSealingKey(customerId).finally(() => looking.delete(customerId));
      looking.set(customerId, finding);
    }
    return finding;
  }

  async function findSealingKey(customerId: string): Promise<CustomerKey> {
    const known = sealing.get(customerId);
    const withinMs = known === undefined ? SEALS_WITHIN_MS : CONFIRMS_WITHIN_MS;
    const stored = await ask(() => findSealing(customerId), withinMs).catch((error: unknown) => {
      if (!isMongoOutage(error)) throw error;
      return undefined;
    });
    const row = stored?.get(customerId);
    if (row !== undefined && (await isReady())) return remember(customerId, keyIn(row));
    // Given out while the store was away, or just now, and not claimed yet: unless it is destroyed.
    if (known !== undefined && (stored === undefined || (await isSpare(known.key.keyId)))) {
      return remember(customerId, known.key);
    }
    if (stored !== undefined) await searchKey();
    const spare = spares.pop();
    if (spare === undefined) return await (stored === undefined ? keepKey(customerId) : mint(customerId));
    refill();
    // Until then, the value names its key, and the first process that opens it claims it.
    track(claim(spare.keyId, customerId).catch(() => undefined));
    return remember(customerId, spare);
  }

  /** A key that waits on this machine for the store. */
  function keepKey(customerId: string): CustomerKey {
    const key = newKey();
    const { wrapped } = rowOf(key);
    const { keyId, ...file } = kept.keep({ keyId: key.keyId, customerId, wrapped });
    hasKept = true;
    if (isKeeping) refill();
    return remember(customerId, keyIn({ _id: keyId, wrapped: file.wrapped }));
  }

  /** Brings the keys that wait on this machine into the store. */
  async function storeKept(keys: readonly KeptKey[]): Promise<void> {
    for (const one of keys) {
      const { keyId, customerId, wrapped } = one;
      const row = { _id: keyId };
      await rows.updateOne(row, { $setOnInsert: { wrapped } }, { upsert: true, ...durable });
      await claim(keyId, customerId);
      kept.remove(one);
    }
  }

  async function release(waiting: Promise<unknown>): Promise<void> {
    await waiting;
    if (held === waiting) held = undefined;
  }

  async function isReady(): Promise<boolean> {
    if (held === undefined) return true;
    return await withTimeout(SEALS_WITHIN_MS, held).then(
      () => true,
      () => false,
    );
  }

  async function isSpare(keyId: string): Promise<boolean> {
    const row = (await ask(() => findKeys(keyId))).get(keyId);
    return row?.wrapped !== undefined && row.retired === undefined;
  }

  /** Makes a key for a customer, unless another process has just done so. */
  async function mint(customerId: string): Promise<CustomerKey> {
    await ensureIndexes();
    const key = newKey();
    try {
      await rows.insertOne({ ...rowOf(key), customerId, sealing: true }, durable);
      return remember(customerId, key);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      // The other's key can be read when a majority has it.
      for (let tries = 0; tries < READ_TRIES; tries += 1) {
        const row = (await findSealing(customerId)).get(customerId);
        if (row !== undefined) return remember(customerId, keyIn(row));
        await setTimeout(READ_AGAIN_MS);
      }
      throw new Error(`The key of customer ${customerId} changes.`, { cause: error });
    }
  }

  async function claim(keyId: string, customerId: string): Promise<void> {
    await ensureIndexes();
    const spare = { _id: keyId, customerId: { $exists: false } };
    try {
      await rows.updateOne(spare, { $set: { customerId, sealing: true } }, durable);
    } catch (error) {
      // The customer has a key already. It keeps both, because both have sealed something.
      if (!isDuplicateKey(error)) throw error;
      await rows.updateOne(spare, { $set: { customerId } }, durable);
    }
  }

  async function opening(keyId: string, of?: string): Promise<Buffer | 'destroyed' | 'unknown'> {
    const known = opened.get(keyId);
    if (known !== undefined && isFresh(known)) return known.key;
    const withinMs = known === undefined ? ANSWER_WITHIN_MS : CONFIRMS_WITHIN_MS;
    try {
      if (held !== undefined) await withTimeout(withinMs, held);
      const row = (await ask(() => findKeys(keyId), withinMs)).get(keyId) ?? (await keptRow(keyId));
      if (row?.wrapped === undefined) {
        opened.delete(keyId);
        return row === undefined ? 'unknown' : 'destroyed';
      }
      const { key } = keyIn(row);
      if (row.customerId === undefined && of !== undefined) await ask(() => claim(keyId, of));
      keep(opened, keyId, { key, checkedAt: Date.now() });
      return key;
    } catch (error) {
      if (known === undefined || !isMongoOutage(error)) throw error;
      return known.key;
    }
  }

  async function keptRow(keyId: string): Promise<KeyRow | undefined> {
    const waiting = kept.all().filter((one) => one.keyId === keyId);
    if (waiting.length === 0) return undefined;
    await ask(() => storeKept(waiting));
    return (await ask(() => findKeys(keyId))).get(keyId);
  }

  function refill(): void {
    if (isClosed || filling !== undefined || (spares.length > SPARES / 2 && !hasKept)) return;
    filling = fill().finally(() => {
      filling = undefined;
    });
  }

  async function fill(): Promise<void> {
    try {
      await ensureIndexes();
      await searchKey();
      hasKept = false;
      await storeKept(kept.all());
      const fresh = Array.from({ length: SPARES - spares.length }, newKey);
      if (fresh.length === 0) return;
      await rows.insertMany(fresh.map(rowOf), durable);
      spares.push(...fresh);
    } catch {
      hasKept = true;
      // Nothing depends on spare keys while the store answers.
      if (!isClosed) void setTimeout(REFILL_AGAIN_MS, undefined, { ref: false }).then(refill);
    }
  }

  function track(work: Promise<unknown>): void {
    claims.add(work);
    void work.finally(() => claims.delete(work));
  }

  /**
   * It also shows that this process has the master keys of the store: a key that another master key
   * wraps could not be opened by the other processes.
   */
  function searchKey(): Promise<Buffer> {
    return systemKey('search', () => randomBytes(32));
  }

  function systemKey(name: SystemKeyRow['_id'], make: () => Buffer): Promise<Buffer> {
    let reading = systemKeys.get(name);
    if (reading === undefined) {
      reading = ask(() => readSystemKey(name, make)).catch((error: unknown) => {
        systemKeys.delete(name);
        throw error;
      });
      systemKeys.set(name, reading);
    }
    return reading;
  }

  async function readSystemKey(name: SystemKeyRow['_id'], make: () => Buffer): Promise<Buffer> {
    const found = await systemKeyRows(db).findOne({ _id: name }, committed);
    if (found !== null) return unwrap(masterKeys(), name, found.wrapped);
    try {
      await systemKeyRows(db).insertOne({ _id: name, wrapped: wrap(masterKeys(), name, make()) }, durable);
    } catch (error) {
      // Another process was faster.
      if (!isDuplicateKey(error)) throw error;
    }
    return await readSystemKey(name, make);
  }

  return {
    sealingKey,
    opening,
    async keysOf(customerId) {
      const found = await rows
        .find({ customerId, wrapped: { $exists: true } }, { ...committed, projection: { _id: 1 } })
        .sort({ customerId: 1, sealing: -1, _id: 1 })
        .toArray();
      return found.map(({ _id }) => _id);
    },
    async retire(customerId, also = []) {
      await Promise.all(claims);
      sealing.delete(customerId);
      await rows.updateMany(
        { ...ownOrUnclaimed(customerId, also), wrapped: { $exists: true } },
        { $set: { customerId, retired: true }, $unset: { sealing: 1 } },
        durable,
      );
      const found = await rows
        .find({ $or: [{ customerId }, { _id: { $in: [...also] } }] }, committed)
        .toArray();
      const known = new Map(found.map(({ _id, ...row }) => [_id, row]));
      const ids = new Set([...known.keys(), ...also]);
      return [...ids].filter((id) => {
        const row = known.get(id);
        // One that was given to the customer just now is not retired, and goes on.
        if (row === undefined) return true;
        const isConcerned = row.destroyed === undefined ? row.retired === true : also.includes(id);
        return row.customerId === customerId && isConcerned;
      });
    },
    async destroy(...doomed) {
      for (const { customerId } of doomed) sealing.delete(customerId);
      const changes = doomed.flatMap(destructionOf);
      if (changes.length > 0) await rows.bulkWrite(changes, durable);
      for (const keyId of doomed.flatMap(({ keyIds }) => keyIds)) opened.delete(keyId);
    },
    holdUntil(ready) {
      const waiting = Promise.all([held, ready]);
      held = waiting;
      void release(waiting);
    },
    searchKey,
    async identity() {
      const found = await ask(() => systemKeyRows(db).findOne({ _id: 'search' }, committed));
      if (found === null) return 'empty';
      return createHmac('sha256', await searchKey())
        .update('key store')
        .digest('hex')
        .slice(0, 16);
    },
    async signingKey() {
      const der = await systemKey('certificates', () =>
        generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
      );
      return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    },
    async rewrap() {
      let count = 0;
      for (const collection of [
        rows,
        systemKeyRows(db),
        webhookSecretRows(db),
      ] as readonly Collection<WrappedRow>[]) {
        for await (const { _id, wrapped } of collection.find({ wrapped: { $exists: true } }, committed)) {
          if (isWrappedByFirst(masterKeys(), wrapped)) continue;
          const key = unwrap(masterKeys(), _id, wrapped);
          // Guarded, because the key may be destroyed meanwhile.
          const change = { $set: { wrapped: wrap(masterKeys(), _id, key) } };
          count += (await collection.updateOne({ _id, wrapped }, change, durable)).modifiedCount;
        }
      }
      return count;
    },
    keepSpares() {
      isKeeping = true;
      refill();
    },
    async close() {
      isClosed = true;
      await Promise.all([filling, ...claims]);
      const unused = spares.splice(0).map(({ keyId }) => keyId);
      if (unused.length === 0) return;
      await ask(() => rows.deleteMany({ _id: { $in: unused }, customerId: { $exists: false } })).catch(
        () => undefined,
      );
    },
  };
}

function destructionOf({ customerId, keyIds, why }: Doomed): AnyBulkWriteOperation<KeyRow>[] {
  if (keyIds.length === 0) return [];
  const own = {
    ...ownOrUnclaimed(customerId, keyIds),
    _id: { $in: [...keyIds] },
    wrapped: { $exists: true },
  };
  const update = { $set: { customerId, destroyed: why }, $unset: { wrapped: 1, sealing: 1 } } as const;
  return [
    { updateMany: { filter: own, update } },
    ...keyIds.map((keyId) => ({
      updateOne: {
        filter: { _id: keyId },
        update: { $setOnInsert: { customerId, destroyed: why } },
        upsert: true,
      },
    })),
  ];
}

/** The keys of a customer, and those of `keyIds` that are no customer's. */
function ownOrUnclaimed(customerId: string, keyIds: readonly string[]): Filter<KeyRow> {
  return { $or: [{ customerId }, { _id: { $in: [...keyIds] }, customerId: { $exists: false } }] };
}

interface WrappedRow {
  readonly _id: string;
  readonly wrapped: string;
}

/** How long an answer is waited for while the store seems to be away. */
const RESTING_WITHIN_MS = 50;

function isFresh({ checkedAt }: { readonly checkedAt: number }): boolean {
  return Date.now() - checkedAt < FRESH_MS;
}

/** Keeps the newest entries. */
function keep<V>(cache: Map<string, V>, name: string, value: V): void {
  cache.delete(name);
  cache.set(name, value);
  if (cache.size > LARGEST_CACHE) cache.delete(cache.keys().next().value ?? '');
}
