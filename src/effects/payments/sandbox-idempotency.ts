import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ClientSession, Db } from 'mongodb';
import { asStored } from '../../mongodb/as-stored.js';
import { committed, durable } from '../../mongodb/durability.js';
import { inTransaction } from '../../mongodb/transaction.js';
import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import { orderIdInKey } from '../../log/entity.js';
import type { PaymentType } from './port.js';
import { type LedgerEntry, sandboxLedger as ledger } from './sandbox-ledger.js';

/** How long a call with `tok_slow` takes. */
const SLOW_MS = 2_000;

/** An answer of the sandbox, and the state that the key's entry stores with it. */
export type SandboxAnswer<T extends PaymentType> = { readonly outcome: OutcomeOf<T> } & Pick<
  LedgerEntry,
  'authorization' | 'capture'
>;

/** The stored answer to a call that was counted. If there is none yet, makes one and stores it. */
export async function answer<T extends PaymentType>(
  { _id: key, calls, outcome }: LedgerEntry,
  method: string,
  make: () => Promise<OutcomeOf<T>>,
): Promise<OutcomeOf<T>> {
  // A key belongs to one effect type, so the outcome is of that type.
  if (outcome !== undefined) return outcome as OutcomeOf<T>;
  if (method === 'tok_flaky' && calls <= 3)
    throw new Error(`The sandbox does not answer call ${calls} of ${key}.`);
  if (method === 'tok_slow') await setTimeout(SLOW_MS);
  return await make();
}

/** Makes the answer and stores it, in one transaction with the changes that `make` writes. */
export async function storeAnswerInTransaction<T extends PaymentType>(
  db: Db,
  key: string,
  make: (session: ClientSession) => Promise<SandboxAnswer<T>>,
): Promise<OutcomeOf<T>> {
  return await inTransaction(db, async (session) => await storeAnswer(db, key, await make(session), session));
}

/**
 * Stores the answer to a key. If a concurrent call has stored one first, the transaction is rolled
 * back, and that answer is returned.
 */
export async function storeAnswer<T extends PaymentType>(
  db: Db,
  key: string,
  made: SandboxAnswer<T>,
  session?: ClientSession,
): Promise<OutcomeOf<T>> {
  const { matchedCount } = await ledger(db).updateOne(
    { _id: key, outcome: { $exists: false } },
    { $set: made },
    session ? { session } : durable,
  );
  if (matchedCount === 1) return made.outcome;
  await session?.abortTransaction();
  const earlier = await ledger(db).findOne({ _id: key }, committed);
  if (earlier?.outcome === undefined) throw new Error(`The answer to ${key} cannot be read yet.`);
  return earlier.outcome as OutcomeOf<T>;
}

/**
 * Counts the call in the ledger.
 *
 * @param made stored with the key if this is its first call
 * @returns the entry of the key after the call
 * @throws Error if the key was used with other parameters
 */
export async function countCall(
  db: Db,
  request: EffectOf<PaymentType>,
  made: Partial<SandboxAnswer<PaymentType>> = {},
): Promise<LedgerEntry> {
  const { key, type } = request;
  const money = 'amount' in request ? { amount: request.amount, currency: request.currency } : {};
  const entry = await ledger(db).findOneAndUpdate(
    { _id: key },
    { $inc: { calls: 1 }, $setOnInsert: { orderId: orderIdInKey(key), type, ...money, request, ...made } },
    { upsert: true, returnDocument: 'after', ...durable },
  );
  if (entry === null || !isDeepStrictEqual(entry.request, asStored(request))) {
    throw new Error(`The key ${key} was used with other parameters: a new payment needs a new key.`);
  }
  return entry;
}
