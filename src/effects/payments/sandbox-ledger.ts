import type { ClientSession, Collection, Db } from 'mongodb';
import { batches } from '../../concurrency/async-iterables.js';
import { committed, insertMissing } from '../../mongodb/durability.js';
import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import type { PaymentType } from './port.js';

/** One document per idempotency key: the request, the answer and the number of calls. */
export interface LedgerEntry {
  /** the idempotency key */
  readonly _id: string;
  readonly orderId: string;
  readonly type: PaymentType;
  /** minor units; absent for a void */
  readonly amount?: number;
  readonly currency?: string;
  /** all parameters of the call */
  readonly request: EffectOf<PaymentType>;
  readonly calls: number;
  /** absent until a call was answered */
  readonly outcome?: OutcomeOf<PaymentType>;
  readonly authorization?: Authorization;
  readonly capture?: Capture;
}

/** The current state of an authorization; absent if it was declined at once. */
export interface Authorization {
  readonly id: string;
  readonly method: string;
  readonly status: 'pending' | 'authorized' | 'declined' | 'voided';
  /** ISO-8601 UTC by the provider's clock; absent while pending */
  readonly expiresAt?: string;
  /** minor units; at most the entry's amount */
  readonly captured: number;
  /** keys of captures that `captured` has; their own entries may have no answer yet */
  readonly captures?: readonly string[];
}

/** The current state of a capture; absent if it was declined. */
export interface Capture {
  readonly id: string;
  readonly method: string;
  /** minor units; at most the entry's amount */
  readonly refunded: number;
}

const collectionName = 'sandbox_payments';

/**
 * The provider's own database. It stands for another company's system, so it is not part of our
 * backups.
 */
export function sandboxDatabase(db: Db): Db {
  return db.client.db(`${db.databaseName}_sandbox`);
}

export function sandboxLedger(db: Db): Collection<LedgerEntry> {
  return sandboxDatabase(db).collection<LedgerEntry>(collectionName);
}

const MOVE_BATCH_SIZE = 500;

/**
 * Creates the ledger's indexes, and moves entries that an earlier version kept in the orders'
 * database. Several processes may do this at once, and each may die half-way: entries are only
 * added, and the old ledger is dropped after all of them were copied. Stop processes of the earlier
 * version first.
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
    for await (const entries of batches(old.find({}, committed), MOVE_BATCH_SIZE)) {
      await insertMissing(ledger, entries);
    }
    await old.drop();
  }
  migrated.add(db);
}

const migrated = new WeakSet<Db>();

/**
 * Moves an old ledger if set-up has not done so yet; resolves when all entries are in the new one.
 */
export async function ensureLedgerInPlace(db: Db): Promise<void> {
  if (migrated.has(db)) return;
  if (await hasOldLedger(db)) await setUpSandbox(db);
  migrated.add(db);
}

/** True if an earlier version's ledger still has entries to move. */
async function hasOldLedger(db: Db): Promise<boolean> {
  return await db.listCollections({ name: collectionName }, { nameOnly: true }).hasNext();
}

/** An entry with an authorization. */
export interface AuthorizationEntry {
  readonly _id: string;
  readonly amount: number;
  readonly currency: string;
  readonly authorization: Authorization;
}

/** An entry with a capture. */
export interface CaptureEntry extends Omit<AuthorizationEntry, 'authorization'> {
  readonly capture: Capture;
}

/** @throws Error for an unknown id */
export async function findAuthorization(
  db: Db,
  id: string,
  session?: ClientSession,
): Promise<AuthorizationEntry> {
  const entry = await sandboxLedger(db).findOne(
    { 'authorization.id': id },
    session ? { session } : committed,
  );
  const { _id, amount, currency, authorization: current } = entry ?? {};
  if (_id === undefined || amount === undefined || currency === undefined || current === undefined) {
    throw new Error(`The sandbox knows no authorization ${id}.`);
  }
  return { _id, amount, currency, authorization: current };
}

/** @throws Error for an unknown id */
export async function findCapture(db: Db, id: string, session?: ClientSession): Promise<CaptureEntry> {
  const entry = await sandboxLedger(db).findOne({ 'capture.id': id }, session ? { session } : committed);
  const { _id, amount, currency, capture: current } = entry ?? {};
  if (_id === undefined || amount === undefined || currency === undefined || current === undefined) {
    throw new Error(`The sandbox knows no capture ${id}.`);
  }
  return { _id, amount, currency, capture: current };
}

export async function setStatus(
  db: Db,
  { _id }: Pick<LedgerEntry, '_id'>,
  { status, expiresAt }: Pick<Authorization, 'status' | 'expiresAt'>,
  session: ClientSession,
): Promise<void> {
  const expiry = expiresAt === undefined ? {} : { 'authorization.expiresAt': expiresAt };
  await sandboxLedger(db).updateOne(
    { _id },
    { $set: { 'authorization.status': status, ...expiry } },
    { session },
  );
}

export function isExpired({ authorization: { expiresAt } }: AuthorizationEntry, now: string): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
