import type { AnyBulkWriteOperation, Collection, Db, Filter } from 'mongodb';
import { createBatcher } from '../../concurrency/batcher.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { CustomerKey } from '../customer-key.js';
import type { Destruction, KeysToDestroy } from './key-store.js';
import { type MasterKeys, wrap } from './master-keys.js';

/** A key of a customer, or a spare one. The id of a destroyed key stays. */
export interface KeyRow {
  readonly _id: string;
  /** see `wrap`; absent if the key was destroyed */
  readonly wrapped?: string;
  /** absent while the key is a spare one */
  readonly customerId?: string;
  /**
   * new values of the customer are sealed under this key; at most one key of a customer has this
   * mark
   */
  readonly sealing?: true;
  /** it seals no new values, because its customer is to be forgotten */
  readonly retired?: true;
  readonly destroyed?: Destruction;
}

/** A key that can be used. */
export type WrappedKeyRow = Pick<KeyRow, '_id'> & { readonly wrapped: string };

export function toWrappedRow({ keyId, key }: CustomerKey, masterKeys: MasterKeys): WrappedKeyRow {
  return { _id: keyId, wrapped: wrap(masterKeys, keyId, key) };
}

/** The collection of these rows, in a key store's database. */
export const keyRows = (db: Db): Collection<KeyRow> => db.collection<KeyRow>('customer_keys');

/** The keys of customers in MongoDB. The methods pass MongoDB's errors on. */
export class KeyRows {
  private readonly rows: Collection<KeyRow>;
  private indexes: Promise<unknown> | undefined;
  readonly find = createBatcher(
    { size: 100, concurrency: 4 },
    async (keyIds: readonly string[]) => await this.findAll(keyIds),
  );
  /** Finds the row of the key that seals for a customer. */
  readonly findSealing = createBatcher(
    { size: 100, concurrency: 4 },
    async (customers: readonly string[]) => await this.findAllSealing(customers),
  );

  constructor(db: Db) {
    this.rows = keyRows(db);
  }

  async findAll(keyIds: readonly string[]): Promise<ReadonlyMap<string, KeyRow>> {
    const found = await this.rows.find({ _id: { $in: keyIds } }, committed).toArray();
    return new Map(
      found.map((row) => {
        const { _id: keyId } = row;
        return [keyId, row];
      }),
    );
  }

  private async findAllSealing(customers: readonly string[]) {
    const found = await this.rows
      .find(
        { customerId: { $in: customers }, wrapped: { $exists: true }, retired: { $exists: false } },
        committed,
      )
      .sort({ customerId: 1, sealing: 1, _id: -1 })
      .toArray();
    // A customer may have several rows. The sort puts the row of the sealing key last, and the map
    // keeps the last row.
    return new Map(found.map((row) => [row.customerId, row]));
  }

  ensureIndexes(): Promise<unknown> {
    this.indexes ??= this.rows
      .createIndexes([
        { key: { customerId: 1, sealing: -1, _id: 1 } },
        { key: { customerId: 1 }, unique: true, partialFilterExpression: { sealing: true } },
      ])
      .catch((error: unknown) => {
        this.indexes = undefined;
        throw error;
      });
    return this.indexes;
  }

  async insertSpares(spares: readonly WrappedKeyRow[]): Promise<void> {
    await this.rows.insertMany([...spares], durable);
  }

  /** Deletes the given keys, except keys that were assigned to a customer meanwhile. */
  async deleteSpares(keyIds: readonly string[]): Promise<void> {
    await this.rows.deleteMany({ _id: { $in: [...keyIds] }, customerId: { $exists: false } });
  }

  /**
   * Inserts the key that seals for a customer. Fails with MongoDB's error for duplicates
   * (`isDuplicateKey`) if the customer has such a key already.
   */
  async insertSealing(key: WrappedKeyRow, customerId: string): Promise<void> {
    await this.rows.insertOne({ ...key, customerId, sealing: true }, durable);
  }

  /** Inserts a customer's key, unless the store has it already, and claims it for the customer. */
  async store(keyId: string, customerId: string, wrapped: string): Promise<void> {
    await this.rows.updateOne({ _id: keyId }, { $setOnInsert: { wrapped } }, { upsert: true, ...durable });
    await this.claim(keyId, customerId);
  }

  /** Assigns a key to a customer, unless the key belongs to a customer already. */
  async claim(keyId: string, customerId: string): Promise<void> {
    await this.ensureIndexes();
    const spare = { _id: keyId, customerId: { $exists: false } };
    try {
      await this.rows.updateOne(spare, { $set: { customerId, sealing: true } }, durable);
    } catch (error) {
      // The customer has another sealing key already. Both stay, because both have sealed values.
      if (!isDuplicateKey(error)) throw error;
      await this.rows.updateOne(spare, { $set: { customerId } }, durable);
    }
  }

  /** See `KeyStore.keysOf`. */
  async keysOf(customerId: string): Promise<readonly string[]> {
    const found = await this.rows
      .find({ customerId, wrapped: { $exists: true } }, { ...committed, projection: { _id: 1 } })
      .sort({ customerId: 1, sealing: -1, _id: 1 })
      .toArray();
    return found.map(({ _id }) => _id);
  }

  /** See `KeyStore.retire`. */
  async retire(customerId: string, also: readonly string[]): Promise<readonly string[]> {
    await this.rows.updateMany(
      { ...ownOrUnclaimed(customerId, also), wrapped: { $exists: true } },
      { $set: { customerId, retired: true }, $unset: { sealing: 1 } },
      durable,
    );
    const found = await this.rows
      .find({ $or: [{ customerId }, { _id: { $in: [...also] } }] }, committed)
      .toArray();
    const known = new Map(found.map(({ _id, ...row }) => [_id, row]));
    const ids = new Set([...known.keys(), ...also]);
    return [...ids].filter((id) => {
      const row = known.get(id);
      if (row === undefined) return true;
      if (row.customerId !== customerId) return false;
      if (row.destroyed !== undefined) return also.includes(id);
      // A key that was assigned to the customer after the update above is not retired, and stays in
      // use.
      return row.retired === true;
    });
  }

  /** See `KeyStore.destroy`. */
  async destroy(all: readonly KeysToDestroy[]): Promise<void> {
    const changes = all.flatMap(destructionOf);
    if (changes.length > 0) await this.rows.bulkWrite(changes, durable);
  }
}

function destructionOf({ customerId, keyIds, why }: KeysToDestroy): AnyBulkWriteOperation<KeyRow>[] {
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

/** The keys of a customer, and those of `keyIds` that belong to no customer yet. */
function ownOrUnclaimed(customerId: string, keyIds: readonly string[]): Filter<KeyRow> {
  return { $or: [{ customerId }, { _id: { $in: [...keyIds] }, customerId: { $exists: false } }] };
}
