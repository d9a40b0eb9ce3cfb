import type { Collection, Db } from 'mongodb';
import { batches } from '../../log/journal/chunks.js';
import { committed, insertMissing } from '../../log/journal/durability.js';
import type { EffectOf, OutcomeOf } from '../../order/effects.js';

export type PaymentType = 'authorize' | 'capture' | 'void' | 'refund';

/** One document per idempotency key: what was asked, what was answered, and how often it was asked. */
export interface LedgerEntry {
  /** the idempotency key */
  readonly _id: string;
  readonly orderId: string;
  readonly type: PaymentType;
  /** minor units; a void has none */
  readonly amount?: number;
  readonly currency?: string;
  /** all parameters */
  readonly request: EffectOf<PaymentType>;
  readonly calls: number;
  /** the answer; absent until a call comes that far */
  readonly outcome?: OutcomeOf<PaymentType>;
  readonly authorization?: Authorization;
  readonly capture?: Capture;
}

/** An authorization as it stands, unless it was declined at once. */
export interface Authorization {
  readonly id: string;
  readonly method: string;
  readonly status: 'pending' | 'authorized' | 'declined' | 'voided';
  /** ISO-8601 UTC by the provider's clock; absent while it is pending */
  readonly expiresAt?: string;
  /** minor units, at most the entry's amount */
  readonly captured: number;
}

/** A capture as it stands, unless it was declined. */
export interface Capture {
  readonly id: string;
  readonly method: string;
  /** minor units, at most the entry's amount */
  readonly refunded: number;
}

const collectionName = 'sandbox_payments';

/** The provider's own database: it stands for another company's system, so no restore of ours touches it. */
export function sandboxDatabase(db: Db): Db {
  return db.client.db(`${db.databaseName}_sandbox`);
}

export function sandboxLedger(db: Db): Collection<LedgerEntry> {
  return sandboxDatabase(db).collection<LedgerEntry>(collectionName);
}

const movedAtOnce = 500;

/**
 * Creates the ledger's indexes, and moves the entries of a ledger that an earlier version kept in the database of the orders.
 * Several processes may do so at once, and each may end half-way: an entry is only ever added, and the old ledger is dropped
 * when all of it is in the new one. Processes of the earlier version are to be stopped before.
 *
 * @param db the database of the orders
 */
export async function setUpSandbox(db: Db): Promise<void> {
  const ledger = sandboxLedger(db);
  await ledger.createIndexes([
    { key: { orderId: 1, type: 1 } },
    { key: { 'authorization.id': 1 }, unique: true, sparse: true },
    { key: { 'capture.id': 1 }, unique: true, sparse: true },
  ]);
  if (await hasOldLedger(db)) {
    const old = db.collection<LedgerEntry>(collectionName);
    for await (const entries of batches(old.find({}, committed), movedAtOnce)) {
      await insertMissing(ledger, entries);
    }
    await old.drop();
  }
  inPlace.add(db);
}

const inPlace = new WeakSet<Db>();

/** Resolves when the whole ledger is in its place, where no set-up has seen to that before. */
export async function ensureLedgerInPlace(db: Db): Promise<void> {
  if (inPlace.has(db)) return;
  if (await hasOldLedger(db)) await setUpSandbox(db);
  inPlace.add(db);
}

/** The ledger is still, or partly, where an earlier version kept it. */
async function hasOldLedger(db: Db): Promise<boolean> {
  return await db.listCollections({ name: collectionName }, { nameOnly: true }).hasNext();
}
