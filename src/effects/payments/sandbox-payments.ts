import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ClientSession, Db } from 'mongodb';
import { type EffectOf, type OutcomeOf, orderOf } from '../../order/effects.js';
import type { PaymentFact } from '../../order/commands.js';
import { later } from '../../order/time.js';
import { asStored, committed, durable } from '../../log/journal/durability.js';
import type { PaymentProvider } from './payments.js';
import {
  type Authorization,
  type Capture,
  ensureLedgerInPlace,
  type LedgerEntry,
  type PaymentType,
  sandboxLedger as ledger,
} from './sandbox-ledger.js';
import { inTransaction } from '../../log/journal/transaction.js';

export interface SandboxPayments extends PaymentProvider {
  /**
   * The customer agrees to a pending payment, or does not. May be repeated.
   *
   * @param reference the key of the authorize effect
   * @returns what the provider's webhook is to tell
   * @throws Error where that payment is not pending any more, and did not become what is asked for
   */
  settlePending(reference: string, outcome: PaymentFact['outcome']): Promise<PaymentFact>;
}

/** An answer, and what the entry of its key holds beside it. */
type Answer<T extends PaymentType> = { readonly outcome: OutcomeOf<T> } & Pick<
  LedgerEntry,
  'authorization' | 'capture'
>;

/**
 * A payment provider to try things with, whose ledger is the collection `sandbox_payments` in a database of its own
 * (`sandboxDatabase`). It keeps every promise of `PaymentProvider`; how a payment goes is up to its token (`http-api`, The
 * sandbox). No call is answered before a ledger of an earlier version is moved, so every key is known that ever was.
 *
 * @param db the database of the orders
 * @param now the provider's own clock, ISO-8601 UTC
 */
export function sandboxPayments(db: Db, now = () => new Date().toISOString()): SandboxPayments {
  return {
    async authorize(request) {
      await ensureLedgerInPlace(db);
      return await answer<'authorize'>(db, request, request.method, () =>
        keep(db, request.key, authorization(request, now())),
      );
    },
    async capture(request) {
      await ensureLedgerInPlace(db);
      const { method } = (await findAuthorization(db, request.authorizationId)).authorization;
      return await answer<'capture'>(db, request, method, () =>
        keepAll(db, request.key, (session) => capture(db, request, now(), session)),
      );
    },
    async void(request) {
      await ensureLedgerInPlace(db);
      const { method } = (await findAuthorization(db, request.authorizationId)).authorization;
      return await answer<'void'>(db, request, method, () =>
        keepAll(db, request.key, (session) => voidRest(db, request, now(), session)),
      );
    },
    async refund(request) {
      await ensureLedgerInPlace(db);
      const { method } = (await findCapture(db, request.captureId)).capture;
      return await answer<'refund'>(db, request, method, () =>
        keepAll(db, request.key, (session) => refund(db, request, session)),
      );
    },
    async settlePending(reference, outcome) {
      await ensureLedgerInPlace(db);
      return await inTransaction(db, (session) => settlePending(db, reference, outcome, now(), session));
    },
  };
}

// --- one answer for each key ---

/** Counts the call, then finds the key's answer, or has it made. */
async function answer<T extends PaymentType>(
  db: Db,
  request: EffectOf<PaymentType>,
  method: string,
  make: () => Promise<OutcomeOf<T>>,
): Promise<OutcomeOf<T>> {
  const { calls, outcome } = await countCall(db, request);
  // Under a key there is only ever an outcome of its type.
  if (outcome !== undefined) return outcome as OutcomeOf<T>;
  if (method === 'tok_flaky' && calls <= 3)
    throw new Error(`The sandbox does not answer call ${calls} of ${request.key}.`);
  if (method === 'tok_slow') await setTimeout(2_000);
  return await make();
}

/** Keeps an answer in one transaction with what it changes elsewhere. */
async function keepAll<T extends PaymentType>(
  db: Db,
  key: string,
  make: (session: ClientSession) => Promise<Answer<T>>,
): Promise<OutcomeOf<T>> {
  return await inTransaction(db, async (session) => await keep(db, key, await make(session), session));
}

/** Keeps the answer to a key, unless another call with it was faster: then that one's is the answer, and nothing else changes. */
async function keep<T extends PaymentType>(
  db: Db,
  key: string,
  made: Answer<T>,
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

async function countCall(db: Db, request: EffectOf<PaymentType>): Promise<LedgerEntry> {
  const { key, type } = request;
  const money = 'amount' in request ? { amount: request.amount, currency: request.currency } : {};
  const entry = await ledger(db).findOneAndUpdate(
    { _id: key },
    { $inc: { calls: 1 }, $setOnInsert: { orderId: orderOf(key), type, ...money, request } },
    { upsert: true, returnDocument: 'after', ...durable },
  );
  if (entry === null || !isDeepStrictEqual(entry.request, asStored(request))) {
    throw new Error(`The key ${key} was used with other parameters: a new payment needs a new key.`);
  }
  return entry;
}

// --- how each goes ---

function authorization(request: EffectOf<'authorize'>, now: string): Answer<'authorize'> {
  const { key, method, ttl } = request;
  const id = newId('auth', key);
  switch (method) {
    case 'tok_ok':
    case 'tok_slow':
    case 'tok_flaky':
    case 'tok_capture_declined':
      return {
        outcome: { type: 'authorized', authorizationId: id },
        authorization: { id, method, status: 'authorized', expiresAt: later(now, ttl), captured: 0 },
      };
    case 'tok_pending':
      return {
        outcome: { type: 'pending', authorizationId: id },
        authorization: { id, method, status: 'pending', captured: 0 },
      };
    case 'tok_declined':
      return { outcome: { type: 'declined', code: 'card_declined' } };
    case 'tok_insufficient_funds':
      return { outcome: { type: 'declined', code: 'insufficient_funds' } };
    default:
      return { outcome: { type: 'declined', code: 'unknown_token' } };
  }
}

async function capture(
  db: Db,
  request: EffectOf<'capture'>,
  now: string,
  session: ClientSession,
): Promise<Answer<'capture'>> {
  const { key, amount } = request;
  const entry = await findAuthorization(db, request.authorizationId, session);
  const { _id, authorization: current } = entry;
  const refusal = refuseCapture(entry, request, now) ?? (await declineFirst(db, entry, request, session));
  if (refusal !== undefined) return { outcome: refusal };
  await ledger(db).updateOne({ _id }, { $inc: { 'authorization.captured': amount } }, { session });
  const id = newId('cap', key);
  return {
    outcome: { type: 'captured', captureId: id },
    capture: { id, method: current.method, refunded: 0 },
  };
}

function refuseCapture(
  entry: AuthorizationEntry,
  { amount, currency }: EffectOf<'capture'>,
  now: string,
): OutcomeOf<'capture'> | undefined {
  const { status, captured } = entry.authorization;
  if (status !== 'authorized') return { type: 'declined', code: `authorization_${status}` };
  if (isExpired(entry, now)) return { type: 'expired' };
  if (currency !== entry.currency) return { type: 'declined', code: 'other_currency' };
  if (captured + amount > entry.amount) return { type: 'declined', code: 'more_than_authorized' };
  return undefined;
}

/** `tok_capture_declined`: the first capture of each shipment is declined. */
async function declineFirst(
  db: Db,
  { authorization: { method } }: AuthorizationEntry,
  { key, shipmentId }: EffectOf<'capture'>,
  session: ClientSession,
): Promise<OutcomeOf<'capture'> | undefined> {
  if (method !== 'tok_capture_declined') return undefined;
  const earlier = await ledger(db).findOne(
    {
      orderId: orderOf(key),
      type: 'capture',
      'request.shipmentId': shipmentId,
      outcome: { $exists: true },
    },
    { session },
  );
  return earlier === null ? { type: 'declined', code: 'card_declined' } : undefined;
}

async function voidRest(
  db: Db,
  { authorizationId }: EffectOf<'void'>,
  now: string,
  session: ClientSession,
): Promise<Answer<'void'>> {
  const entry = await findAuthorization(db, authorizationId, session);
  const { status } = entry.authorization;
  if (status === 'authorized' && isExpired(entry, now)) return { outcome: { type: 'expired' } };
  if (status !== 'declined') await setStatus(db, entry, { status: 'voided' }, session);
  return { outcome: { type: 'voided' } };
}

async function refund(
  db: Db,
  { captureId, amount, currency }: EffectOf<'refund'>,
  session: ClientSession,
): Promise<Answer<'refund'>> {
  const { _id, capture: captured, ...entry } = await findCapture(db, captureId, session);
  const left = entry.amount - captured.refunded;
  if (amount > left || currency !== entry.currency) {
    throw new Error(
      `${amount} ${currency} can not be refunded of ${captureId}: ${left} ${entry.currency} are left.`,
    );
  }
  await ledger(db).updateOne({ _id }, { $inc: { 'capture.refunded': amount } }, { session });
  return { outcome: { type: 'refunded' } };
}

async function settlePending(
  db: Db,
  reference: string,
  outcome: PaymentFact['outcome'],
  now: string,
  session: ClientSession,
): Promise<PaymentFact> {
  const entry = await ledger(db).findOne({ _id: reference }, { session });
  const { outcome: first, authorization: current, request } = entry ?? {};
  if (request?.type !== 'authorize' || current === undefined || first?.type !== 'pending') {
    throw new Error(`${reference} is not a payment that was called pending.`);
  }
  if (current.status === 'pending') {
    const change = outcome === 'authorized' ? { expiresAt: later(now, request.ttl) } : {};
    await setStatus(db, { _id: reference }, { status: outcome, ...change }, session);
  } else if (current.status !== outcome) {
    throw new Error(`The payment ${reference} is ${current.status} already.`);
  }
  const fact = { reference, authorizationId: current.id, outcome };
  return outcome === 'declined' ? { ...fact, code: 'customer_declined' } : fact;
}

// --- the ledger ---

interface AuthorizationEntry {
  readonly _id: string;
  readonly amount: number;
  readonly currency: string;
  readonly authorization: Authorization;
}

interface CaptureEntry extends Omit<AuthorizationEntry, 'authorization'> {
  readonly capture: Capture;
}

/** @throws Error for an id that the provider never gave */
async function findAuthorization(db: Db, id: string, session?: ClientSession): Promise<AuthorizationEntry> {
  const entry = await ledger(db).findOne({ 'authorization.id': id }, session ? { session } : committed);
  const { _id, amount, currency, authorization: current } = entry ?? {};
  if (_id === undefined || amount === undefined || currency === undefined || current === undefined) {
    throw new Error(`The sandbox knows no authorization ${id}.`);
  }
  return { _id, amount, currency, authorization: current };
}

/** @throws Error for an id that the provider never gave */
async function findCapture(db: Db, id: string, session?: ClientSession): Promise<CaptureEntry> {
  const entry = await ledger(db).findOne({ 'capture.id': id }, session ? { session } : committed);
  const { _id, amount, currency, capture: current } = entry ?? {};
  if (_id === undefined || amount === undefined || currency === undefined || current === undefined) {
    throw new Error(`The sandbox knows no capture ${id}.`);
  }
  return { _id, amount, currency, capture: current };
}

async function setStatus(
  db: Db,
  { _id }: Pick<LedgerEntry, '_id'>,
  { status, expiresAt }: Pick<Authorization, 'status' | 'expiresAt'>,
  session: ClientSession,
): Promise<void> {
  const expiry = expiresAt === undefined ? {} : { 'authorization.expiresAt': expiresAt };
  await ledger(db).updateOne({ _id }, { $set: { 'authorization.status': status, ...expiry } }, { session });
}

function isExpired({ authorization: { expiresAt } }: AuthorizationEntry, now: string): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

/** Opaque to callers, and the same however often a call is tried. */
function newId(prefix: string, key: string): string {
  return `${prefix}_${createHash('sha256').update(key).digest('hex').slice(0, 20)}`;
}
