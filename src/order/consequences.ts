import { isReadyToClose } from './deadlines.js';
import type { EventDraft } from './events.js';
import { unmatchedDraft, waitingFacts } from './facts.js';
import { type Order, dueAt, isFinished, isUnpaid, sum } from './order.js';
import { isPaymentSecured, isStockSecured } from './pending-effects.js';
import { later } from './time.js';

/**
 * What follows from the state by itself: confirmed once secured, completed once delivered and paid, closed once the return
 * window has passed. One event at a time, until nothing follows any more.
 *
 * @param now ISO-8601 UTC
 */
export function consequence(order: Order, now: string): EventDraft | undefined {
  return (
    ofPending(order) ?? ofAmendment(order) ?? ofCapture(order) ?? ofCompletion(order, now) ?? ofFacts(order)
  );
}

function ofPending(order: Order): EventDraft | undefined {
  if (order.status !== 'pending') return undefined;
  if (order.missing !== undefined) {
    const detail = order.missing
      .map((line) => `${line.sku}: ${line.requested} wanted, ${line.available} available`)
      .join('; ');
    return { type: 'OrderRejected', data: { reason: 'out_of_stock', detail } };
  }
  if (order.declined !== undefined) {
    return { type: 'OrderRejected', data: { reason: 'payment_declined', detail: order.declined } };
  }
  if (order.timedOut) return { type: 'OrderExpired', data: {} };
  return isSecured(order, order.total) ? { type: 'OrderConfirmed', data: {} } : undefined;
}

function ofAmendment(order: Order): EventDraft | undefined {
  if (order.amendment === undefined) return undefined;
  const { refusal, total } = order.amendment;
  if (refusal !== undefined) return { type: 'AmendmentRefused', data: refusal };
  return isSecured(order, total) ? { type: 'OrderAmended', data: {} } : undefined;
}

function isSecured(order: Order, total: number): boolean {
  return isStockSecured(order) && isPaymentSecured(order, total);
}

function ofCapture(order: Order): EventDraft | undefined {
  const cause = 'capture_declined';
  const isHeld = order.holds.some((hold) => hold.cause === cause);
  const isDeclined = order.shipments.some((shipment) => shipment.charge?.status === 'declined');
  if (isDeclined && !isHeld)
    return { type: 'OrderHeld', data: { cause, reason: 'the capture was declined' } };
  // A new try keeps the hold until the money is there.
  if (isHeld && !order.shipments.some(isUnpaid)) return { type: 'OrderReleased', data: { cause } };
  return undefined;
}

function ofCompletion(order: Order, now: string): EventDraft | undefined {
  if (isComplete(order)) {
    return { type: 'OrderCompleted', data: { returnsUntil: later(now, order.terms.returnWindow) } };
  }
  if (isReadyToClose(order) && order.returnsUntil !== undefined && dueAt(order, order.returnsUntil) <= now) {
    return { type: 'OrderClosed', data: {} };
  }
  return undefined;
}

/** At its end, the order tells of each fact that never fitted. */
function ofFacts(order: Order): EventDraft | undefined {
  const [fact] = isFinished(order) ? waitingFacts(order) : [];
  return fact && unmatchedDraft(fact, 'order_ended');
}

/** All that was not cancelled is delivered, and captured or given up. */
function isComplete(order: Order): boolean {
  const kept = sum(order.lines, (line) => line.quantity - line.cancelled);
  const delivered = sum(order.lines, (line) => line.delivered);
  return order.status === 'confirmed' && delivered === kept && !order.shipments.some(isUnpaid);
}
