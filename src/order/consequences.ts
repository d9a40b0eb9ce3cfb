import type { EventDraft } from './events.js';
import { unmatchedDraft, waitingFacts } from './received-facts.js';
import { type Order, dueAt, isFinished, isReadyToClose, isUnpaid, sum } from './order.js';
import { isPaymentSecured, isStockSecured } from './wanted-effects.js';
import { later } from './time.js';

/**
 * The next event that follows from the state alone, without a command. For example, the order is
 * confirmed once stock and payment are secured, completed once delivered and paid, and closed once
 * the return window has passed. Callers repeat the call after each event, until it returns
 * `undefined`.
 *
 * @param now ISO-8601 UTC
 */
export function consequence(order: Order, now: string): EventDraft | undefined {
  return (
    ofPending(order) ?? ofAmendment(order) ?? ofCapture(order) ?? ofCompletion(order, now) ?? ofFacts(order)
  );
}

/**
 * Whether the order changes only after a command, a fact or a deadline. False while an effect is
 * owed, and between an event and the next one that follows from it (`consequence`).
 */
export function isAtRest(order: Order): boolean {
  return order.owed.length === 0 && consequence(order, order.updatedAt) === undefined;
}

function ofPending(order: Order): EventDraft | undefined {
  if (order.status !== 'pending') return undefined;
  if (order.missing !== undefined) {
    const detail = order.missing
      .map((line) => `${line.sku}: ${line.requested} wanted, ${line.available} available`)
      .join('; ');
    return { type: 'OrderRejected', data: { reason: 'out_of_stock', detail } };
  }
  if (order.declined !== undefined)
    return { type: 'OrderRejected', data: { reason: 'payment_declined', detail: order.declined } };
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
  // While a capture is tried again, the hold stays until the charge is captured or written off.
  if (isHeld && !order.shipments.some(isUnpaid)) return { type: 'OrderReleased', data: { cause } };
  return undefined;
}

function ofCompletion(order: Order, now: string): EventDraft | undefined {
  if (isComplete(order))
    return { type: 'OrderCompleted', data: { returnsUntil: later(now, order.terms.returnWindow) } };
  if (isReadyToClose(order) && order.returnsUntil !== undefined && dueAt(order, order.returnsUntil) <= now)
    return { type: 'OrderClosed', data: {} };
  return undefined;
}

/** When the order ends, every fact that still waits is reported as unmatched. */
function ofFacts(order: Order): EventDraft | undefined {
  const [fact] = isFinished(order) ? waitingFacts(order) : [];
  return fact && unmatchedDraft(fact, 'order_ended');
}

/** Whether everything not cancelled is delivered, and every charge is captured or written off. */
function isComplete(order: Order): boolean {
  const kept = sum(order.lines, (line) => line.quantity - line.cancelled);
  const delivered = sum(order.lines, (line) => line.delivered);
  return order.status === 'confirmed' && delivered === kept && !order.shipments.some(isUnpaid);
}
