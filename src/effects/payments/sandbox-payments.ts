import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ClientSession, Db } from 'mongodb';
import { type EffectOf, type OutcomeOf, orderOf } from '../../order/effects.js';
import type { PaymentFact } from '../../order/commands.js';
import { later } from '../../order/time.js';
import { asStored, committed, durable } from '../../mongodb/durability.js';
import { readJournal } from '../../log/journal/read-journal.js';
import { orderLog } from '../../order-log.js';
import type { Known } from '../port.js';
import type { Balance, PaymentProvider, PaymentType } from './port.js';
import {
  type Authorization,
  type Capture,
  ensureLedgerInPlace,
  type LedgerEntry,
  sandboxLedger as ledger,
} from './sandbox-ledger.js';
import { inTransaction } from '../../mongodb/transaction.js';

export interface SandboxPayments extends PaymentProvider {
  authorize(request: EffectOf<'authorize'>): Promise<OutcomeOf<'authorize'>>;
  capture(request: EffectOf<'capture'>): Promise<OutcomeOf<'capture'>>;
  void(request: EffectOf<'void'>): Promise<OutcomeOf<'void'>>;
  refund(request: EffectOf<'refund'>): Promise<OutcomeOf<'refund'>>;
  lookUp(key: string): Promise<Known<PaymentType>>;
  balance(orderId: string): Promise<Balance>;
  /**
   * The customer accepts or declines a pending payment. May be repeated.
   *
   * @param reference the key of the authorize effect
   * @returns the fact that the provider's webhook reports
   * @throws Error if the payment is settled already, with another outcome
   */
  settlePending(reference: string, outcome: PaymentFact['outcome']): Promise<PaymentFact>;
}

/** An answer, and the state that the key's entry stores with it. */
type Answer<T extends PaymentType> = { readonly outcome: OutcomeOf<T> } & Pick<
  LedgerEntry,
  'authorization' | 'capture'
>;

/**
 * A payment provider for development and tests. Its ledger is the collection `sandbox_payments` in
 * a separate database (`sandboxDatabase`). It keeps the contract of `PaymentProvider`; the token
 * (`tok_ok`, `tok_declined` …) determines the outcome. Calls wait until an earlier version's ledger
 * was moved, so that every key stays known.
 *
 * @param db the database of the orders
 * @param now the provider's own clock, ISO-8601 UTC
 */
export function sandboxPayments(db: Db, now = () => new Date().toISOString()): SandboxPayments {
  return {
    async authorize(request) {
      await ensureLedgerInPlace(db);
      const { key, method } = request;
      const counted = await countCall(db, request, isPlain(method) ? authorization(request, now()) : {});
      return await answer<'authorize'>(counted, method, () => keep(db, key, authorization(request, now())));
    },
    async capture(request) {
      await ensureLedgerInPlace(db);
      const counted = await countCall(db, request);
      const captured = counted.outcome ?? (await captureAtOnce(db, request, now()));
      if (captured !== undefined) return captured as OutcomeOf<'capture'>;
      const { method } = (await findAuthorization(db, request.authorizationId)).authorization;
      return await answer<'capture'>(counted, method, () =>
        keepAll(db, request.key, (session) => capture(db, request, now(), session)),
      );
    },
    async void(request) {
      await ensureLedgerInPlace(db);
      const { method } = (await findAuthorization(db, request.authorizationId)).authorization;
      return await answer<'void'>(await countCall(db, request), method, () =>
        keepAll(db, request.key, (session) => voidRest(db, request, now(), session)),
      );
    },
    async refund(request) {
      await ensureLedgerInPlace(db);
      const { method } = (await findCapture(db, request.captureId)).capture;
      return await answer<'refund'>(await countCall(db, request), method, () =>
        keepAll(db, request.key, (session) => refund(db, request, session)),
      );
    },
    async lookUp(key) {
      await ensureLedgerInPlace(db);
      const entry = await ledger(db).findOne({ _id: key }, committed);
      return entry?.outcome ?? { type: 'none' };
    },
    async balance(orderId) {
      await ensureLedgerInPlace(db);
      return balanceOf(await ledger(db).find({ orderId }, committed).toArray());
    },
    async settlePending(reference, outcome) {
      await ensureLedgerInPlace(db);
      return await inTransaction(db, (session) => settlePending(db, reference, outcome, now(), session));
    },
  };
}

// --- one answer for each key ---

/** Methods that fail at first, take long, or are declined because of what came before. */
const specialMethods = ['tok_flaky', 'tok_slow', 'tok_capture_declined'];

function isPlain(method: string): boolean {
  return !specialMethods.includes(method);
}

/** The stored answer to a call that was counted. If there is none yet, makes one and stores it. */
async function answer<T extends PaymentType>(
  { _id: key, calls, outcome }: LedgerEntry,
  method: string,
  make: () => Promise<OutcomeOf<T>>,
): Promise<OutcomeOf<T>> {
  // A key belongs to one effect type, so the outcome is of that type.
  if (outcome !== undefined) return outcome as OutcomeOf<T>;
  if (method === 'tok_flaky' && calls <= 3)
    throw new Error(`The sandbox does not answer call ${calls} of ${key}.`);
  if (method === 'tok_slow') await setTimeout(2_000);
  return await make();
}

/** Stores the answer in one transaction with the other entries it changes. */
async function keepAll<T extends PaymentType>(
  db: Db,
  key: string,
  make: (session: ClientSession) => Promise<Answer<T>>,
): Promise<OutcomeOf<T>> {
  return await inTransaction(db, async (session) => await keep(db, key, await make(session), session));
}

/**
 * Stores the answer to a key. If a concurrent call has stored one first, the transaction is rolled
 * back, and that answer is returned.
 */
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

/** @param made stored with the key if this is its first call */
async function countCall(
  db: Db,
  request: EffectOf<PaymentType>,
  made: Partial<Answer<PaymentType>> = {},
): Promise<LedgerEntry> {
  const { key, type } = request;
  const money = 'amount' in request ? { amount: request.amount, currency: request.currency } : {};
  const entry = await ledger(db).findOneAndUpdate(
    { _id: key },
    { $inc: { calls: 1 }, $setOnInsert: { orderId: orderOf(key), type, ...money, request, ...made } },
    { upsert: true, returnDocument: 'after', ...durable },
  );
  if (entry === null || !isDeepStrictEqual(entry.request, asStored(request))) {
    throw new Error(`The key ${key} was used with other parameters: a new payment needs a new key.`);
  }
  return entry;
}

// --- what each call does ---

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

/**
 * Captures by one guarded update of the authorization, without a transaction. The update also
 * stores the key, so a call that dies before its answer is stored gets the same answer when it is
 * repeated.
 *
 * @returns undefined if nothing was captured, or was before: `capture` finds out why
 */
async function captureAtOnce(
  db: Db,
  { key, authorizationId, amount, currency }: EffectOf<'capture'>,
  now: string,
): Promise<OutcomeOf<'capture'> | undefined> {
  const entry = await ledger(db).findOneAndUpdate(
    {
      'authorization.id': authorizationId,
      'authorization.status': 'authorized',
      'authorization.method': { $nin: specialMethods },
      'authorization.expiresAt': { $gt: now },
      'authorization.captures': { $ne: key },
      currency,
      $expr: { $lte: [{ $add: ['$authorization.captured', amount] }, '$amount'] },
    },
    { $inc: { 'authorization.captured': amount }, $push: { 'authorization.captures': key } },
    { returnDocument: 'after', ...durable },
  );
  return entry?.authorization && (await keep<'capture'>(db, key, captureOf(key, entry.authorization)));
}

function captureOf(key: string, { method }: Authorization): Answer<'capture'> {
  const id = newId('cap', key);
  return { outcome: { type: 'captured', captureId: id }, capture: { id, method, refunded: 0 } };
}

async function capture(
  db: Db,
  request: EffectOf<'capture'>,
  now: string,
  session: ClientSession,
): Promise<Answer<'capture'>> {
  const { key, amount } = request;
  const found = await findAuthorization(db, request.authorizationId, session);
  const entry = await settledByWebhook(db, found, session);
  const { _id, authorization: current } = entry;
  if (current.captures?.includes(key)) return captureOf(key, current);
  const refusal = refuseCapture(entry, request, now) ?? (await declineFirst(db, entry, request, session));
  if (refusal !== undefined) return { outcome: refusal };
  await ledger(db).updateOne({ _id }, { $inc: { 'authorization.captured': amount } }, { session });
  return captureOf(key, current);
}

/**
 * The authorization. If it is pending here, but the order's journal has it as authorized, it becomes
 * authorized here, too. That happens after a person has signed and sent the webhook by hand.
 */
async function settledByWebhook(
  db: Db,
  entry: AuthorizationEntry,
  session: ClientSession,
): Promise<AuthorizationEntry> {
  const { _id, authorization: current } = entry;
  if (current.status !== 'pending') return entry;
  for (const event of await readJournal(orderLog, db, orderOf(_id))) {
    if (event.type !== 'PaymentAuthorized' || event.data.authorizationId !== current.id) continue;
    const settled = { status: 'authorized', expiresAt: event.data.expiresAt } as const;
    await setStatus(db, { _id }, settled, session);
    return { ...entry, authorization: { ...current, ...settled } };
  }
  return entry;
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
      `${amount} ${currency} cannot be refunded of ${captureId}: ${left} ${entry.currency} are left.`,
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
    throw new Error(`${reference} is not a payment that was pending.`);
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

function balanceOf(entries: readonly LedgerEntry[]): Balance {
  let [held, captured, refunded] = [0, 0, 0];
  for (const { amount = 0, authorization: granted, capture: taken } of entries) {
    if (granted?.status === 'authorized') held += amount - granted.captured;
    if (taken !== undefined) captured += amount;
    refunded += taken?.refunded ?? 0;
  }
  return { held, captured, refunded };
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

/** @throws Error for an unknown id */
async function findAuthorization(db: Db, id: string, session?: ClientSession): Promise<AuthorizationEntry> {
  const entry = await ledger(db).findOne({ 'authorization.id': id }, session ? { session } : committed);
  const { _id, amount, currency, authorization: current } = entry ?? {};
  if (_id === undefined || amount === undefined || currency === undefined || current === undefined) {
    throw new Error(`The sandbox knows no authorization ${id}.`);
  }
  return { _id, amount, currency, authorization: current };
}

/** @throws Error for an unknown id */
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

/** Opaque to callers, and the same for each retry. */
function newId(prefix: string, key: string): string {
  return `${prefix}_${createHash('sha256').update(key).digest('hex').slice(0, 20)}`;
}
