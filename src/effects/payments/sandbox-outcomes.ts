import { createHash } from 'node:crypto';
import type { ClientSession, Db } from 'mongodb';
import { readJournal } from '../../log/journal/read-journal.js';
import { durable } from '../../mongodb/durability.js';
import type { PaymentFact } from '../../order/commands.js';
import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import { orderIdInKey } from '../../log/entity.js';
import { later } from '../../order/time.js';
import { orderLog } from '../../order-log.js';
import { type SandboxAnswer, storeAnswer } from './sandbox-idempotency.js';
import {
  type Authorization,
  type AuthorizationEntry,
  findAuthorization,
  findCapture,
  isExpired,
  sandboxLedger as ledger,
  setStatus,
} from './sandbox-ledger.js';

/** Payment methods that fail at first, answer late, or decline the first capture. */
const specialMethods = ['tok_flaky', 'tok_slow', 'tok_capture_declined'];

export function isSpecial(method: string): boolean {
  return specialMethods.includes(method);
}

/** The answer of `authorize`, and the authorization that it makes. */
export function authorization(request: EffectOf<'authorize'>, now: string): SandboxAnswer<'authorize'> {
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
 * stores the key. So a repeated call gets the same answer, even if the process died before the
 * answer was stored.
 *
 * @returns undefined if this call captured nothing: `capture` finds out why
 */
export async function captureAtOnce(
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
  return entry?.authorization && (await storeAnswer<'capture'>(db, key, captureOf(key, entry.authorization)));
}

function captureOf(key: string, { method }: Authorization): SandboxAnswer<'capture'> {
  const id = newId('cap', key);
  return { outcome: { type: 'captured', captureId: id }, capture: { id, method, refunded: 0 } };
}

/** Captures the amount if the authorization allows it. Returns the answer to the effect. */
export async function capture(
  db: Db,
  request: EffectOf<'capture'>,
  now: string,
  session: ClientSession,
): Promise<SandboxAnswer<'capture'>> {
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
 * The authorization. If it is pending here, but authorized in the order's journal, it becomes
 * authorized here, too. That happens after somebody has signed and sent the webhook by hand.
 */
async function settledByWebhook(
  db: Db,
  entry: AuthorizationEntry,
  session: ClientSession,
): Promise<AuthorizationEntry> {
  const { _id, authorization: current } = entry;
  if (current.status !== 'pending') return entry;
  for (const event of await readJournal(orderLog, db, orderIdInKey(_id))) {
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
      orderId: orderIdInKey(key),
      type: 'capture',
      'request.shipmentId': shipmentId,
      outcome: { $exists: true },
    },
    { session },
  );
  return earlier === null ? { type: 'declined', code: 'card_declined' } : undefined;
}

/** Voids the authorization, unless it has expired. Returns the answer to the effect. */
export async function voidRest(
  db: Db,
  { authorizationId }: EffectOf<'void'>,
  now: string,
  session: ClientSession,
): Promise<SandboxAnswer<'void'>> {
  const entry = await findAuthorization(db, authorizationId, session);
  const { status } = entry.authorization;
  if (status === 'authorized' && isExpired(entry, now)) return { outcome: { type: 'expired' } };
  if (status !== 'declined') await setStatus(db, entry, { status: 'voided' }, session);
  return { outcome: { type: 'voided' } };
}

/** Refunds the amount from the capture. Returns the answer to the effect. */
export async function refund(
  db: Db,
  { captureId, amount, currency }: EffectOf<'refund'>,
  session: ClientSession,
): Promise<SandboxAnswer<'refund'>> {
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

/** The payment was never pending, or is settled with another outcome. */
export class PaymentNotPending extends Error {
  override readonly name = 'PaymentNotPending';
}

/** Settles a pending payment in the ledger. See `SandboxPayments.settlePending`. */
export async function settlePending(
  db: Db,
  reference: string,
  outcome: PaymentFact['outcome'],
  now: string,
  session: ClientSession,
): Promise<PaymentFact> {
  const entry = await ledger(db).findOne({ _id: reference }, { session });
  const { outcome: first, authorization: current, request } = entry ?? {};
  if (request?.type !== 'authorize' || current === undefined || first?.type !== 'pending') {
    throw new PaymentNotPending(`${reference} is not a payment that was pending.`);
  }
  if (current.status === 'pending') {
    const change = outcome === 'authorized' ? { expiresAt: later(now, request.ttl) } : {};
    await setStatus(db, { _id: reference }, { status: outcome, ...change }, session);
  } else if (current.status !== outcome) {
    throw new PaymentNotPending(`The payment ${reference} is ${current.status} already.`);
  }
  const fact = { reference, authorizationId: current.id, outcome };
  return outcome === 'declined' ? { ...fact, code: 'customer_declined' } : fact;
}

/** An opaque id, the same for each retry. */
function newId(prefix: string, key: string): string {
  return `${prefix}_${createHash('sha256').update(key).digest('hex').slice(0, 20)}`;
}
