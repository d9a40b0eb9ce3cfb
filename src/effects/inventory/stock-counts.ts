import type { ClientSession, Db } from 'mongodb';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed } from '../../mongodb/durability.js';
import { concernOfStock, type Counts, stockState } from './stock-state.js';
import {
  done,
  initialStock,
  type KnownStock,
  movements,
  stock,
  type StockMovement,
  withVersion,
} from './stock.js';
import { skuQueue } from './named-queue.js';
import { inTransaction } from '../../mongodb/transaction.js';

/**
 * Maximum number of SKUs that Temporal's mark of this database lists. The mark is the argument of a
 * Schedule, whose size Temporal limits.
 */
const MAX_LISTED_SKUS = 2_000;

/** The number of units on hand of a SKU, from a count or a delivery. */
export interface StockCount {
  readonly sku: string;
  readonly onHand: number;
  /** the principal that sent the key; neither the principal nor the key has spaces */
  readonly issuer: string;
  /** idempotency key: the same count again gets the first answer */
  readonly key: string;
  /** the count is refused unless the SKU has this version */
  readonly expectedVersion?: number;
}

export interface Counted extends KnownStock {
  /** true if this key was used before, so the answer is the first one */
  readonly isReplayed: boolean;
}

/** A count was refused; nothing was changed. */
export class CountRefused extends Error {
  override readonly name = 'CountRefused';
  readonly code: 'key_reused' | 'stale_version' | 'stock_reserved' | 'stock_restoring' | 'stock_not_ready';
  /** current version of the SKU, for `stale_version` */
  readonly version?: number;
  constructor(code: CountRefused['code'], message: string, version?: number) {
    super(message);
    this.code = code;
    if (version !== undefined) this.version = version;
  }
}

/**
 * Sets the units on hand of a SKU, and clears `toBeCounted`. Idempotent per issuer and key: a
 * repeated call gets the first answer, whatever has changed since.
 *
 * @throws CountRefused; checked in the sequence `key_reused`, `stock_not_ready` or
 *   `stock_restoring`, `stale_version`, `stock_reserved`
 */
export async function countStock(db: Db, count: StockCount): Promise<Counted> {
  const { sku } = count;
  const earlier = await earlierCount(db, count);
  if (earlier !== undefined) return earlier;
  try {
    return await skuQueue.run([sku], () =>
      inTransaction(db, async (session) => await countInTransaction(db, count, session)),
    );
  } catch (error) {
    const first = isDuplicateKey(error) ? await earlierCount(db, count) : undefined;
    if (first === undefined) throw error;
    return first;
  }
}

/**
 * The id of a count's movement. It is unique, because effect keys, issuers and idempotency keys
 * have no spaces.
 */
function movementId({ issuer, key }: StockCount): string {
  return `set ${issuer} ${key}`;
}

async function earlierCount(db: Db, count: StockCount): Promise<Counted | undefined> {
  const movement = await movements(db).findOne(
    { _id: movementId(count) },
    { readConcern: { level: 'linearizable' } },
  );
  return movement === null ? undefined : replay(movement, count);
}

function replay({ lines: [line], at, after }: StockMovement, { sku, onHand, key }: StockCount): Counted {
  if (line === undefined || after === undefined || line.sku !== sku || line.quantity !== onHand) {
    throw new CountRefused(
      'key_reused',
      `The key ${key} was used for another count: a new one needs a new key.`,
    );
  }
  const { reserved, version } = after;
  return { stock: { sku, onHand, reserved, updatedAt: at }, version, isReplayed: true };
}

async function countInTransaction(db: Db, count: StockCount, session: ClientSession): Promise<Counted> {
  const { sku, onHand, expectedVersion } = count;
  const at = new Date().toISOString();
  await assertCountable(db, session);
  const found = await stock(db).findOne({ _id: sku }, { session });
  const { stock: before, version } = withVersion(found ?? initialStock(sku));
  if (expectedVersion !== undefined && expectedVersion !== version) {
    const message = `${sku} is at version ${version}, not ${expectedVersion}: read it again.`;
    throw new CountRefused('stale_version', message, version);
  }
  const { reserved } = before;
  if (reserved > onHand) {
    const message = `${reserved} of ${sku} are reserved for orders: onHand must be at least that.`;
    throw new CountRefused('stock_reserved', message);
  }
  const counted = { sku, onHand, reserved, updatedAt: at };
  await stock(db).updateOne(
    { _id: sku },
    { $set: counted, $inc: { version: 1, counts: 1 }, $unset: { toBeCounted: '' } },
    { session, upsert: true },
  );
  await movements(db).insertOne(
    {
      _id: movementId(count),
      type: 'set',
      lines: [{ sku, quantity: onHand }],
      outcome: done,
      at,
      after: { reserved, version: version + 1 },
    },
    { session },
  );
  return { stock: counted, version: version + 1, isReplayed: false };
}

/**
 * How many times each SKU was counted, as Temporal's mark of this database keeps it for a restore.
 */
export async function timesCounted(db: Db): Promise<Counts> {
  const counted = await stock(db)
    .find({ counts: { $gt: 0 } }, { ...committed, projection: { counts: 1 }, limit: MAX_LISTED_SKUS + 1 })
    .sort({ _id: 1 })
    .toArray();
  return counted.length > MAX_LISTED_SKUS ? 'many' : counted.map(({ _id: sku, counts = 0 }) => [sku, counts]);
}

/**
 * Refuses a count before and during a restore: the restore adds movements that the count already
 * includes.
 */
async function assertCountable(db: Db, session: ClientSession): Promise<void> {
  const state = await stockState(db, session);
  if (state !== undefined && state.outdated === undefined && state.restoringSince === undefined) return;
  const code = state === undefined ? 'stock_not_ready' : 'stock_restoring';
  throw new CountRefused(code, `The stock cannot be counted yet: ${concernOfStock(state)}.`);
}
