import type { EffectType, Settlement } from './effects.js';
import type { EventDraft } from './events.js';
import { type Order, sum } from './order.js';
import { later } from './time.js';
import { unreachable } from './unreachable.js';

/**
 * The events for the outcome of an effect. If the effect is not owed, or no longer owed, there are
 * no events, so an outcome that arrives twice is harmless.
 *
 * @param now ISO-8601 UTC; payment deadlines and the lifetime of authorizations begin at this time
 */
export function settle(order: Order, settlement: Settlement, now: string): readonly EventDraft[] {
  const { effect } = settlement;
  return order.owed.some(({ key }) => key === effect.key) ? [draftsOf(order, settlement, now)].flat() : [];
}

function draftsOf(order: Order, settlement: Settlement, now: string): EventDraft | readonly EventDraft[] {
  if (is(settlement, 'reserve')) {
    const { effect, outcome } = settlement;
    return outcome.type === 'reserved'
      ? { type: 'StockReserved', data: { lines: effect.lines } }
      : { type: 'StockRefused', data: { missing: outcome.missing } };
  }
  if (is(settlement, 'release')) return { type: 'StockReleased', data: { lines: settlement.effect.lines } };
  if (is(settlement, 'deduct'))
    return { type: 'StockDeducted', data: { shipmentId: settlement.effect.shipmentId } };
  if (is(settlement, 'restock'))
    return { type: 'StockRestocked', data: { returnId: settlement.effect.returnId } };
  if (is(settlement, 'authorize')) return authorization(order, settlement, now);
  if (is(settlement, 'capture')) return capture(order, settlement, now);
  if (is(settlement, 'void')) {
    const { authorizationId } = settlement.effect;
    if (settlement.outcome.type === 'expired')
      return { type: 'AuthorizationExpired', data: { authorizationId } };
    const voided = order.authorizations.filter((entry) => entry.authorizationId === authorizationId);
    const amount = sum(voided, (entry) => entry.amount - entry.captured);
    return { type: 'AuthorizationVoided', data: { authorizationId, amount } };
  }
  if (is(settlement, 'book')) {
    const { shipmentId } = settlement.effect;
    const { outcome } = settlement;
    if (outcome.type === 'refused') return { type: 'LabelRefused', data: { shipmentId, code: outcome.code } };
    const { type: _, ...label } = outcome;
    return { type: 'LabelBooked', data: { shipmentId, ...label } };
  }
  const { refundId, captureId, amount } = (settlement satisfies SettlementOf<'refund'>).effect;
  return { type: 'PaymentRefunded', data: { refundId, captureId, amount } };
}

type SettlementOf<T extends EffectType> = Extract<Settlement, { effect: { type: T } }>;

/** Narrows the effect and its outcome together. A `switch` would narrow the effect alone. */
function is<T extends EffectType>(settlement: Settlement, type: T): settlement is SettlementOf<T> {
  return settlement.effect.type === type;
}

function authorization(
  order: Order,
  { effect, outcome }: SettlementOf<'authorize'>,
  now: string,
): EventDraft {
  const { amount, ttl } = effect;
  switch (outcome.type) {
    case 'authorized': {
      const { authorizationId } = outcome;
      return { type: 'PaymentAuthorized', data: { authorizationId, amount, expiresAt: later(now, ttl) } };
    }
    case 'pending': {
      const { authorizationId } = outcome;
      const deadline = later(now, order.terms.paymentDeadline);
      return { type: 'PaymentPending', data: { authorizationId, amount, deadline } };
    }
    case 'declined':
      return { type: 'PaymentDeclined', data: { code: outcome.code } };
    default:
      return unreachable(outcome);
  }
}

/**
 * How many times an authorization that expired before its time is replaced. After that the capture
 * counts as declined, and an operator decides.
 */
const MAX_LAPSED_EARLY = 3;

function capture(
  order: Order,
  { effect, outcome }: SettlementOf<'capture'>,
  now: string,
): EventDraft | readonly EventDraft[] {
  const { shipmentId, authorizationId, amount } = effect;
  switch (outcome.type) {
    case 'captured':
      return {
        type: 'PaymentCaptured',
        data: { captureId: outcome.captureId, shipmentId, authorizationId, amount },
      };
    case 'declined':
      return { type: 'CaptureDeclined', data: { shipmentId, amount, code: outcome.code } };
    case 'expired': {
      const expired = { type: 'AuthorizationExpired', data: { authorizationId } } as const;
      const lapsedEarly = order.authorizations.filter(
        ({ status, until }) => status === 'expired' && until > now,
      );
      if (lapsedEarly.length < MAX_LAPSED_EARLY) return expired;
      const code = 'authorization_expired';
      // The decline comes first, because an expiry while the capture is due would start another
      // authorization.
      return [{ type: 'CaptureDeclined', data: { shipmentId, amount, code } }, expired];
    }
    default:
      return unreachable(outcome);
  }
}
