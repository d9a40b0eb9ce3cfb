import { effectKey } from '../log/entity.js';
import { type LineQuantity, type NewLine, LIMITS } from './commands.js';
import { afterClaims, chargedLines, entitlement, partsOf } from './entitlement.js';
import type { EventData, EventOf, OrderEvent } from './events.js';
import {
  captured,
  isOfReplacedMethod,
  refundRequested,
  refunded,
  refusePayment,
  captureRequested,
  retire,
  withAuthorization,
} from './evolve-payment.js';
import { factOf, factsOf, reflects } from './received-facts.js';
import { forgotten } from './forget.js';
import {
  type Line,
  type Order,
  type ReceivedFact,
  type Shipment,
  type ShipmentCharge,
  quantityOf,
} from './order.js';
import {
  addToLines,
  shippedLines,
  withCharge,
  withDeclinedCharges,
  withoutHold,
  withReturn,
  withShipment,
} from './order-parts.js';
import { rejectionKey } from './rejection.js';
import { followsRules } from './rules.js';
import { later } from './time.js';
import { unreachable } from './unreachable.js';
import { wantedEffects } from './wanted-effects.js';

/** After a resumption, no deadline passes for this long. */
const GRACE_AFTER_RESUMPTION_MS = 15 * 60 * 1000;

/**
 * Folds one event into the order. State changes only here. Every event of an order's log is
 * accepted. An event whose cause is an effect settles that effect. Then every effect that the new
 * state wants and does not owe yet (`wantedEffects`) becomes owed, with this event's version in its
 * key.
 *
 * @throws TypeError if the log does not start with `OrderCreated`
 */
export function evolve(order: Order | undefined, event: OrderEvent): Order {
  const happened = apply(order, event);
  const owed = happened.owed.filter((effect) => effect.key !== event.causationId);
  const next = withoutAppliedFacts(
    { ...happened, owed, version: event.version, updatedAt: event.occurredAt },
    event,
  );
  const newlyOwed = wantedEffects(next).map((effect) => ({
    ...effect,
    key: effectKey({ orderId: event.orderId, type: effect.type, version: event.version }),
    correlationId: event.correlationId,
    ...(event.traceId !== undefined && { traceId: event.traceId }),
    since: event.occurredAt,
  }));
  return newlyOwed.length === 0 ? next : { ...next, owed: [...owed, ...newlyOwed] };
}

export function fold(events: Iterable<OrderEvent>, order?: Order): Order | undefined {
  for (const event of events) order = evolve(order, event);
  return order;
}

function apply(before: Order | undefined, event: OrderEvent): Order {
  if (event.type === 'OrderCreated') return created(event);
  const order = event.type === 'CommandRejected' ? before : withoutRepeatedRefusals(before);
  if (order === undefined)
    throw new TypeError(`The log of ${event.orderId} starts with ${event.type}, not with OrderCreated.`);
  switch (event.type) {
    case 'StockReserved':
      return { ...order, reserved: plus(order.reserved, event.data.lines) };
    case 'StockRefused':
      return stockRefused(order, event.data);
    case 'StockReleased':
      return { ...order, reserved: minus(order.reserved, event.data.lines) };
    case 'StockDeducted': {
      const { shipmentId } = event.data;
      return {
        ...withShipment(order, shipmentId, () => ({ deducted: true })),
        reserved: minus(order.reserved, shippedLines(order, shipmentId)),
      };
    }
    case 'StockRestocked':
      return withReturn(order, event.data.returnId, { restocked: true });

    case 'PaymentAuthorized':
      return withAuthorization(order, event, { status: 'authorized', until: event.data.expiresAt });
    case 'PaymentPending':
      return withAuthorization(order, event, { status: 'pending', until: event.data.deadline });
    case 'PaymentDeclined':
      if (isOfReplacedMethod(order, event)) return order;
      return refusePayment(
        retire(order, event.data.authorizationId, 'declined'),
        'payment_declined',
        event.data.code,
      );
    case 'PaymentTimedOut':
      return refusePayment(
        retire(order, event.data.authorizationId),
        'payment_timed_out',
        'the payment stayed pending too long',
      );
    case 'AuthorizationExpired':
      return retire(order, event.data.authorizationId, 'expired');
    case 'AuthorizationVoided':
      return retire(order, event.data.authorizationId, 'voided');

    case 'PaymentCaptured':
      return captured(order, event.data);
    case 'CaptureDeclined':
      return withCharge(order, event.data.shipmentId, () => ({ status: 'declined' }));
    case 'CaptureRequested':
      return captureRequested(order, event.data);
    case 'CaptureWrittenOff':
      return withDeclinedCharges(order, 'written_off');
    case 'RefundRequested':
      return refundRequested(order, event.data);
    case 'PaymentRefunded':
      return refunded(order, event.data);

    case 'OrderConfirmed':
      return { ...order, status: 'confirmed' };
    case 'OrderRejected':
      return { ...order, status: 'rejected' };
    case 'OrderExpired':
      return { ...order, status: 'expired' };
    case 'OrderHeld':
      return { ...order, holds: [...order.holds, event.data] };
    case 'OrderReleased':
      return withoutHold(order, event.data.cause);
    case 'OrderCancelled':
      return cancelled(order, event.data);
    case 'OrderCompleted':
      return { ...order, status: 'completed', returnsUntil: event.data.returnsUntil };
    case 'OrderClosed':
      return { ...order, closed: true };

    case 'AmendmentRequested':
      return { ...order, amendment: { total: order.total, ...event.data } };
    case 'OrderAmended':
      return amended(order);
    case 'AmendmentRefused': {
      const { amendment: _, ...rest } = order;
      return rest;
    }

    case 'ShipmentCreated': {
      const { shipmentId, lines } = event.data;
      const shipment: Shipment = { shipmentId, lines, status: 'created', deducted: false };
      return addToLines({ ...order, shipments: [...order.shipments, shipment] }, lines, 'allocated');
    }
    case 'LabelRequested': {
      const { shipmentId, ...requested } = event.data;
      return withShipment(order, shipmentId, () => ({ label: { status: 'requested', ...requested } }));
    }
    case 'LabelBooked': {
      const { shipmentId, ...booked } = event.data;
      return withShipment(order, shipmentId, () => ({ label: { status: 'booked', ...booked } }));
    }
    case 'LabelRefused': {
      const { shipmentId, code } = event.data;
      return withShipment(order, shipmentId, ({ label }) => ({
        label: { status: 'refused', ...(label?.carrier !== undefined && { carrier: label.carrier }), code },
      }));
    }
    case 'ShipmentDispatched':
      return dispatched(order, event.data);
    case 'ShipmentDelivered': {
      const { shipmentId } = event.data;
      const next = withShipment(order, shipmentId, () => ({ status: 'delivered' }));
      return addToLines(next, shippedLines(order, shipmentId), 'delivered');
    }
    case 'ReturnRequested':
      return addToLines(
        { ...order, returns: [...order.returns, { ...event.data, status: 'requested', restocked: false }] },
        event.data.lines,
        'returned',
      );
    case 'ReturnReceived':
      return returnReceived(order, event.data);

    case 'NoteAdded': {
      const note = { text: event.data.text, at: event.occurredAt, actor: event.actor };
      return { ...order, notes: [...order.notes, note].slice(-LIMITS.notes) };
    }
    case 'CommandRejected':
      return commandRejected(order, event.data);
    case 'FactReceived':
      return factReceived(order, event);
    case 'FactUnmatched':
      return unmatched(order, event.data);
    case 'PersonForgotten':
      return forgotten(order, event);
    case 'OrderResumed':
      return {
        ...order,
        resumed: { version: event.version, graceUntil: later(event.occurredAt, GRACE_AFTER_RESUMPTION_MS) },
      };
    default:
      return unreachable(event);
  }
}

function created(event: EventOf<'OrderCreated'>): Order {
  const { note, lines, charges, rules, ...data } = event.data;
  return {
    ...data,
    ...charges,
    ...(rules === 1 ? {} : { rules }),
    orderId: event.orderId,
    version: event.version,
    status: 'pending',
    closed: false,
    holds: [],
    lines: lines.map(untouched),
    notes: note === undefined ? [] : [{ text: note, at: event.occurredAt, actor: event.actor }],
    createdAt: event.occurredAt,
    updatedAt: event.occurredAt,
    reserved: [],
    timedOut: false,
    authorizations: [],
    captures: [],
    refunds: [],
    shipments: [],
    returns: [],
    owed: [],
  };
}

/** A new line: nothing of it is cancelled, shipped or returned. */
function untouched(line: NewLine): Line {
  return { ...line, cancelled: 0, allocated: 0, dispatched: 0, delivered: 0, returned: 0 };
}

// --- stock ---

function plus(held: readonly LineQuantity[], more: readonly LineQuantity[]): LineQuantity[] {
  const skus = new Set([...held, ...more].map((line) => line.sku));
  return [...skus].map((sku) => ({ sku, quantity: quantityOf(held, sku) + quantityOf(more, sku) }));
}

function minus(held: readonly LineQuantity[], less: readonly LineQuantity[]): LineQuantity[] {
  return held
    .map(({ sku, quantity }) => ({ sku, quantity: quantity - quantityOf(less, sku) }))
    .filter((line) => line.quantity > 0);
}

function stockRefused(order: Order, { missing }: EventData['StockRefused']): Order {
  if (order.amendment === undefined) return { ...order, missing };
  const detail = missing
    .map((line) => `${line.sku}: ${line.requested} more wanted, ${line.available} available`)
    .join('; ');
  return { ...order, amendment: { ...order.amendment, refusal: { reason: 'out_of_stock', detail } } };
}

// --- goods ---

function dispatched(order: Order, data: EventData['ShipmentDispatched']): Order {
  const { shipmentId, carrier, trackingNumber, amount } = data;
  const lines = shippedLines(order, shipmentId);
  const charge: ShipmentCharge = {
    amount,
    captured: 0,
    status: amount === 0 ? 'captured' : 'due',
    ...(followsRules(order, 2) && { lines: chargedLines(order, lines, amount) }),
  };
  const next = withShipment(order, shipmentId, () => ({
    status: 'dispatched',
    carrier,
    trackingNumber,
    charge,
  }));
  return addToLines(next, lines, 'dispatched');
}

function returnReceived(order: Order, { returnId }: EventData['ReturnReceived']): Order {
  if (!followsRules(order, 2)) return withReturn(order, returnId, { status: 'received' });
  const lines = order.returns.filter((entry) => entry.returnId === returnId).flatMap((entry) => entry.lines);
  const claims = entitlement(order, lines);
  return withReturn(afterClaims(order, claims), returnId, { status: 'received', entitled: partsOf(claims) });
}

/**
 * Cancels everything that is not dispatched. A hold by command ends, because nothing is left to
 * hold. If nothing was dispatched, the order itself is cancelled.
 */
function cancelled(order: Order, { reason, lines }: EventData['OrderCancelled']): Order {
  const { amendment: _, ...rest } = withoutHold(order, 'command');
  return {
    ...rest,
    status: order.lines.some((line) => line.dispatched > 0) ? order.status : 'cancelled',
    cancelReason: reason,
    lines: order.lines.map((line) => ({
      ...line,
      cancelled: line.cancelled + quantityOf(lines, line.sku),
      allocated: line.dispatched,
    })),
    shipments: order.shipments.map((shipment) =>
      shipment.status === 'created' ? { ...shipment, status: 'cancelled' } : shipment,
    ),
  };
}

function amended(order: Order): Order {
  const { amendment, ...rest } = order;
  const { lines, refusal: _, ...changes } = { total: order.total, ...amendment };
  return {
    ...rest,
    ...changes,
    lines: lines?.map(untouched) ?? order.lines,
  };
}

// --- messages that do not fit ---

function commandRejected(order: Order, data: EventData['CommandRejected']): Order {
  const { total, unchanged } = order.rejections ?? { total: 0, unchanged: [] };
  const known = [...unchanged, rejectionKey(data)].slice(-LIMITS.rejections);
  return { ...order, rejections: { total: total + 1, unchanged: known } };
}

/**
 * Drops the keys of earlier refusals when the order changes, because a refused command may be
 * allowed then. If it is refused again, the refusal is written again.
 */
function withoutRepeatedRefusals(order: Order | undefined): Order | undefined {
  if (order?.rejections === undefined) return order;
  return { ...order, rejections: { ...order.rejections, unchanged: [] } };
}

function factReceived(order: Order, event: EventOf<'FactReceived'>): Order {
  const { commandId, correlationId, causationId, actor, occurredAt: receivedAt } = event;
  const { fact: type, data } = event.data;
  const fact = { type, data, commandId, correlationId, causationId, actor, receivedAt };
  return { ...order, facts: [...factsOf(order), fact] };
}

/**
 * Marks a fact as unmatched. The order keeps only the latest `LIMITS.facts` unmatched facts; the
 * log has all of them.
 */
function unmatched(order: Order, { factId }: EventData['FactUnmatched']): Order {
  const facts = factsOf(order).map((fact) =>
    fact.commandId === factId ? { ...fact, unmatched: true as const } : fact,
  );
  const surplus = facts.filter((fact) => fact.unmatched).length - LIMITS.facts;
  return withFacts(order, surplus > 0 ? facts.filter((fact) => fact !== oldestUnmatched(facts)) : facts);
}

function oldestUnmatched(facts: readonly ReceivedFact[]): ReceivedFact | undefined {
  return facts.find((fact) => fact.unmatched);
}

/** Removes facts that this event applied, or that the order now reflects for another reason. */
function withoutAppliedFacts(order: Order, event: OrderEvent): Order {
  if (order.facts === undefined || event.type === 'FactReceived') return order;
  const left = order.facts.filter(
    (fact) => fact.commandId !== event.commandId && !reflects(order, factOf(fact)),
  );
  return left.length === order.facts.length ? order : withFacts(order, left);
}

function withFacts(order: Order, facts: readonly ReceivedFact[]): Order {
  const { facts: _, ...rest } = order;
  return facts.length === 0 ? rest : { ...rest, facts };
}
