import { afterClaims, capturedLines, goodwill, partsOf } from './entitlement.js';
import type { EventData, EventOf, OrderEvent } from './events.js';
import type { Authorization, Order, Refund } from './order.js';
import { withCharge, withDeclinedCharges } from './order-parts.js';
import { followsRules } from './rules.js';
import { isChargeInTurn } from './wanted-effects.js';

/* The order after an event of its payment: authorizations, captures and refunds (see `evolve`). */

export function withAuthorization(
  order: Order,
  event: EventOf<'PaymentAuthorized'> | EventOf<'PaymentPending'>,
  change: Pick<Authorization, 'status' | 'until'>,
): Order {
  const { authorizationId, amount } = event.data;
  const known = order.authorizations.find((entry) => entry.authorizationId === authorizationId);
  if (known === undefined) {
    const opened = {
      authorizationId,
      reference: event.causationId,
      amount,
      captured: 0,
      retired: isOfReplacedMethod(order, event),
      ...change,
    };
    return { ...order, authorizations: [...order.authorizations, opened] };
  }
  return {
    ...order,
    authorizations: order.authorizations.map((entry) => (entry === known ? { ...entry, ...change } : entry)),
  };
}

/**
 * Whether the event answers an authorization of a payment method that was replaced meanwhile. The
 * order no longer waits for such an answer.
 */
export function isOfReplacedMethod(order: Order, { causationId }: OrderEvent): boolean {
  const asked = order.owed.find(({ key }) => key === causationId);
  return asked?.type === 'authorize' && asked.method !== order.payment.method;
}

export function retire(
  order: Order,
  authorizationId: string | undefined,
  status?: Authorization['status'],
): Order {
  return {
    ...order,
    authorizations: order.authorizations.map((entry) =>
      entry.authorizationId === authorizationId
        ? { ...entry, retired: true, status: status ?? entry.status }
        : entry,
    ),
  };
}

/**
 * The order after its payment failed. What waited for the payment fails as well: a charge, an
 * amendment, or the order itself.
 */
export function refusePayment(
  order: Order,
  reason: 'payment_declined' | 'payment_timed_out',
  detail: string,
): Order {
  const charged = order.shipments.find(isChargeInTurn);
  if (charged !== undefined) return withCharge(order, charged.shipmentId, () => ({ status: 'declined' }));
  if (order.amendment !== undefined)
    return { ...order, amendment: { ...order.amendment, refusal: { reason, detail } } };
  return reason === 'payment_timed_out' ? { ...order, timedOut: true } : { ...order, declined: detail };
}

export function captured(order: Order, data: EventData['PaymentCaptured']): Order {
  const { captureId, shipmentId, authorizationId, amount } = data;
  const next = withCharge(order, shipmentId, (charge) => {
    const total = charge.captured + amount;
    return {
      captured: total,
      status: total >= charge.amount ? 'captured' : charge.status,
      ...(charge.lines && { lines: capturedLines(charge.lines, amount) }),
    };
  });
  return {
    ...next,
    captures: [...order.captures, { captureId, shipmentId, amount, refunded: 0 }],
    authorizations: order.authorizations.map((entry) =>
      entry.authorizationId === authorizationId ? { ...entry, captured: entry.captured + amount } : entry,
    ),
  };
}

/**
 * Makes declined charges due again. If a new payment method is given, authorizations of the old one
 * are no longer captured.
 */
export function captureRequested(order: Order, { payment }: EventData['CaptureRequested']): Order {
  const due = withDeclinedCharges(order, 'due');
  if (payment === undefined) return due;
  return {
    ...due,
    payment,
    authorizations: due.authorizations.map((entry) => ({ ...entry, retired: true })),
  };
}

/** Adds the refund. If it does not belong to a return, it is a goodwill refund. */
export function refundRequested(order: Order, data: EventData['RefundRequested']): Order {
  const refund: Refund = { ...data, refunded: 0 };
  if (!followsRules(order, 2)) return { ...order, refunds: [...order.refunds, refund] };
  const entitled = order.returns.find(({ returnId }) => returnId === data.returnId)?.entitled;
  const claims = entitled === undefined ? goodwill(order, data.amount) : [];
  const parts = entitled ?? partsOf(claims);
  return { ...afterClaims(order, claims), refunds: [...order.refunds, { ...refund, parts }] };
}

export function refunded(order: Order, { refundId, captureId, amount }: EventData['PaymentRefunded']): Order {
  return {
    ...order,
    refunds: order.refunds.map((entry) =>
      entry.refundId === refundId ? { ...entry, refunded: entry.refunded + amount } : entry,
    ),
    captures: order.captures.map((entry) =>
      entry.captureId === captureId ? { ...entry, refunded: entry.refunded + amount } : entry,
    ),
  };
}
