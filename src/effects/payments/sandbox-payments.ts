import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import { inTransaction } from '../../mongodb/transaction.js';
import type { PaymentFact } from '../../order/commands.js';
import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import type { LookUpAnswer } from '../port.js';
import type { Balance, PaymentProvider, PaymentType } from './port.js';
import { answer, countCall, storeAnswer, storeAnswerInTransaction } from './sandbox-idempotency.js';
import {
  authorization,
  capture,
  captureAtOnce,
  isSpecial,
  refund,
  settlePending,
  voidRest,
} from './sandbox-outcomes.js';
import {
  findAuthorization,
  findCapture,
  type LedgerEntry,
  sandboxLedger as ledger,
} from './sandbox-ledger.js';
import { ensureLedgerInPlace } from './sandbox-set-up.js';

export interface SandboxPayments extends PaymentProvider {
  authorize(request: EffectOf<'authorize'>): Promise<OutcomeOf<'authorize'>>;
  capture(request: EffectOf<'capture'>): Promise<OutcomeOf<'capture'>>;
  void(request: EffectOf<'void'>): Promise<OutcomeOf<'void'>>;
  refund(request: EffectOf<'refund'>): Promise<OutcomeOf<'refund'>>;
  lookUp(key: string): Promise<LookUpAnswer<PaymentType>>;
  balance(orderId: string): Promise<Balance>;
  /**
   * The customer accepts or declines a pending payment. May be repeated.
   *
   * @param reference the key of the authorize effect
   * @returns the fact that the provider's webhook reports
   * @throws PaymentNotPending if `reference` is not a payment that was pending, or if the payment
   *   is settled already with another outcome
   */
  settlePending(reference: string, outcome: PaymentFact['outcome']): Promise<PaymentFact>;
}

/**
 * A payment provider for development and tests. Its ledger is the collection `sandbox_payments` in
 * a separate database (`sandboxDatabase`). The sandbox keeps the contract of `PaymentProvider`; the
 * token (`tok_ok`, `tok_declined` …) determines the outcome. Calls wait until an earlier version's
 * ledger was moved, so that every key stays known.
 *
 * @param db the database of the orders
 * @param now the provider's own clock, ISO-8601 UTC
 */
export function sandboxPayments(db: Db, now = () => new Date().toISOString()): SandboxPayments {
  return {
    async authorize(request) {
      await ensureLedgerInPlace(db);
      const { key, method } = request;
      const counted = await countCall(db, request, isSpecial(method) ? {} : authorization(request, now()));
      return await answer<'authorize'>(counted, method, () =>
        storeAnswer(db, key, authorization(request, now())),
      );
    },
    async capture(request) {
      await ensureLedgerInPlace(db);
      const counted = await countCall(db, request);
      const captured = counted.outcome ?? (await captureAtOnce(db, request, now()));
      if (captured !== undefined) return captured as OutcomeOf<'capture'>;
      const { method } = (await findAuthorization(db, request.authorizationId)).authorization;
      return await answer<'capture'>(counted, method, () =>
        storeAnswerInTransaction(db, request.key, (session) => capture(db, request, now(), session)),
      );
    },
    async void(request) {
      await ensureLedgerInPlace(db);
      const { method } = (await findAuthorization(db, request.authorizationId)).authorization;
      return await answer<'void'>(await countCall(db, request), method, () =>
        storeAnswerInTransaction(db, request.key, (session) => voidRest(db, request, now(), session)),
      );
    },
    async refund(request) {
      await ensureLedgerInPlace(db);
      const { method } = (await findCapture(db, request.captureId)).capture;
      return await answer<'refund'>(await countCall(db, request), method, () =>
        storeAnswerInTransaction(db, request.key, (session) => refund(db, request, session)),
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

function balanceOf(entries: readonly LedgerEntry[]): Balance {
  let [held, captured, refunded] = [0, 0, 0];
  for (const { amount = 0, authorization: granted, capture: taken } of entries) {
    if (granted?.status === 'authorized') held += amount - granted.captured;
    if (taken !== undefined) captured += amount;
    refunded += taken?.refunded ?? 0;
  }
  return { held, captured, refunded };
}
