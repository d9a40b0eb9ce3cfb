import type { ClientSession, Collection, Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import { sandboxDatabase } from '../sandbox-database.js';
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
  /** the answer to every call with the key; absent until one is stored */
  readonly outcome?: OutcomeOf<PaymentType>;
  /** only of an authorization that was not declined immediately */
  readonly authorization?: Authorization;
  /** only of a capture that was not declined */
  readonly capture?: Capture;
}

/** The current state of an authorization. */
export interface Authorization {
  readonly id: string;
  readonly method: string;
  readonly status: 'pending' | 'authorized' | 'declined' | 'voided';
  /** ISO-8601 UTC by the provider's clock; absent while pending */
  readonly expiresAt?: string;
  /** minor units; at most the entry's amount */
  readonly captured: number;
  /** keys of the captures that `captured` includes; their own entries may have no answer yet */
  readonly captures?: readonly string[];
}

/** The current state of a capture. */
export interface Capture {
  readonly id: string;
  readonly method: string;
  /** minor units; at most the entry's amount */
  readonly refunded: number;
}

export const LEDGER = 'sandbox_payments';

export function sandboxLedger(db: Db): Collection<LedgerEntry> {
  return sandboxDatabase(db).collection<LedgerEntry>(LEDGER);
}

export interface AuthorizationEntry {
  readonly _id: string;
  readonly amount: number;
  readonly currency: string;
  readonly authorization: Authorization;
}

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
