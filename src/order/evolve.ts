import { type LineQuantity, type NewLine, limits } from './commands.js';
import { factOf, factsOf, holds } from './facts.js';
import { afterClaims, capturedLines, chargedLines, entitlement, goodwill, partsOf } from './entitlement.js';
import { forgotten } from './forget.js';
import { isChargeInTurn, wantedEffects } from './wanted-effects.js';
import { rejectionKey } from './rejection.js';
import type { EventData, HoldCause, OrderEvent } from './events.js';
import {
  type Authorization,
  type Line,
  type Order,
  type ReceivedFact,
  type Refund,
  type Shipment,
  type ShipmentCharge,
  quantityOf,
} from './order.js';
import { followsRules } from './rules.js';
import { later } from './time.js';
import { unreachable } from './unreachable.js';

/** After a resumption, no deadline passes for this long. */
const graceAfterResumptionMs = 15 * 60 * 1000;

/**
 * Folds one event into the order. State changes only here. It accepts every event of an order's
 * log. An event whose cause is an effect settles that effect. Then every effect that the new state
 * wants and does not owe yet (`wantedEffects`) becomes owed, with this event's version in its key.
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
    key: `${event.orderId}:${effect.type}:${event.version}`,
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
  const order = event.type === 'CommandRejected' ? before : changed(before);
  if (order === undefined) {
    throw new TypeError(`The log of ${event.orderId} starts with ${event.type}, not with OrderCreated.`);
  }
  switch (event.type) {
    case 'StockReserved':
      return { ...order, reserved: plus(order.reserved, event.data.lines) };
    case 'StockRefused':
      return refuseStock(order, event.data);
    case 'StockReleased':
      return { ...order, reserved: minus(order.reserved, event.data.lines) };
    case 'StockDeducted': {
      const { shipmentId } = event.data;
      return {
        ...withShipment(order, shipmentId, () => ({ deducted: true })),
        reserved: minus(order.reserved, linesOf(order, shipmentId)),
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
      return requestCapture(order, event.data);
    case 'CaptureWrittenOff':
      return withDeclinedCharges(order, 'written_off');
    case 'RefundRequested':
      return promised(order, event.data);
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
      return { ...order, holds: withoutHold(order, event.data.cause) };
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
      return count({ ...order, shipments: [...order.shipments, shipment] }, lines, 'allocated');
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
      return withShipment(order, shipmentId, ({ label: its }) => ({
        label: { status: 'refused', ...(its?.carrier !== undefined && { carrier: its.carrier }), code },
      }));
    }
    case 'ShipmentDispatched':
      return dispatched(order, event.data);
    case 'ShipmentDelivered': {
      const { shipmentId } = event.data;
      const next = withShipment(order, shipmentId, () => ({ status: 'delivered' }));
      return count(next, linesOf(order, shipmentId), 'delivered');
    }
    case 'ReturnRequested':
      return count(
        { ...order, returns: [...order.returns, { ...event.data, status: 'requested', restocked: false }] },
        event.data.lines,
        'returned',
      );
    case 'ReturnReceived':
      return returned(order, event.data);

    case 'NoteAdded': {
      const note = { text: event.data.text, at: event.occurredAt, actor: event.actor };
      return { ...order, notes: [...order.notes, note].slice(-limits.notes) };
    }
    case 'CommandRejected':
      return rejected(order, event.data);
    case 'FactReceived':
      return received(order, event);
    case 'FactUnmatched':
      return unmatched(order, event.data);
    case 'PersonForgotten':
      return forgotten(order, event);
    case 'OrderResumed':
      return {
        ...order,
        resumed: { version: event.version, graceUntil: later(event.occurredAt, graceAfterResumptionMs) },
      };
    default:
      return unreachable(event);
  }
}

type EventOf<T extends OrderEvent['type']> = Extract<OrderEvent, { type: T }>;

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

function refuseStock(order: Order, { missing }: EventData['StockRefused']): Order {
  if (order.amendment === undefined) return { ...order, missing };
  const detail = missing
    .map((line) => `${line.sku}: ${line.requested} more wanted, ${line.available} available`)
    .join('; ');
  return { ...order, amendment: { ...order.amendment, refusal: { reason: 'out_of_stock', detail } } };
}

// --- payment ---

function withAuthorization(
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
 * order does not wait for such an answer any more.
 */
function isOfReplacedMethod(order: Order, { causationId }: OrderEvent): boolean {
  const asked = order.owed.find(({ key }) => key === causationId);
  return asked?.type === 'authorize' && asked.method !== order.payment.method;
}

function retire(order: Order, authorizationId: string | undefined, status?: Authorization['status']): Order {
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
 * The payment failed. What waited for it fails too: a charge, an amendment, or the order itself.
 */
function refusePayment(
  order: Order,
  reason: 'payment_declined' | 'payment_timed_out',
  detail: string,
): Order {
  const charged = order.shipments.find(isChargeInTurn);
  if (charged !== undefined) return withCharge(order, charged.shipmentId, () => ({ status: 'declined' }));
  if (order.amendment !== undefined) {
    return { ...order, amendment: { ...order.amendment, refusal: { reason, detail } } };
  }
  return reason === 'payment_timed_out' ? { ...order, timedOut: true } : { ...order, declined: detail };
}

function captured(order: Order, data: EventData['PaymentCaptured']): Order {
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

/** If a new payment method is given, authorizations of the old one are not captured any more. */
function requestCapture(order: Order, { payment }: EventData['CaptureRequested']): Order {
  const due = withDeclinedCharges(order, 'due');
  if (payment === undefined) return due;
  return {
    ...due,
    payment,
    authorizations: due.authorizations.map((entry) => ({ ...entry, retired: true })),
  };
}

/** A refund that does not belong to a return is a goodwill refund. */
function promised(order: Order, data: EventData['RefundRequested']): Order {
  const refund: Refund = { ...data, refunded: 0 };
  if (!followsRules(order, 2)) return { ...order, refunds: [...order.refunds, refund] };
  const entitled = order.returns.find(({ returnId }) => returnId === data.returnId)?.entitled;
  const claims = entitled === undefined ? goodwill(order, data.amount) : [];
  const parts = entitled ?? partsOf(claims);
  return { ...afterClaims(order, claims), refunds: [...order.refunds, { ...refund, parts }] };
}

function refunded(order: Order, { refundId, captureId, amount }: EventData['PaymentRefunded']): Order {
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

function withoutHold(order: Order, cause: HoldCause): Order['holds'] {
  return order.holds.filter((hold) => hold.cause !== cause);
}

// --- goods ---

function dispatched(order: Order, data: EventData['ShipmentDispatched']): Order {
  const { shipmentId, carrier, trackingNumber, amount } = data;
  const lines = linesOf(order, shipmentId);
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
  return count(next, lines, 'dispatched');
}

function returned(order: Order, { returnId }: EventData['ReturnReceived']): Order {
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
  const { amendment: _, ...rest } = order;
  return {
    ...rest,
    status: order.lines.some((line) => line.dispatched > 0) ? order.status : 'cancelled',
    cancelReason: reason,
    holds: withoutHold(order, 'command'),
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

function rejected(order: Order, data: EventData['CommandRejected']): Order {
  const { total, unchanged } = order.rejections ?? { total: 0, unchanged: [] };
  const known = [...unchanged, rejectionKey(data)].slice(-limits.rejections);
  return { ...order, rejections: { total: total + 1, unchanged: known } };
}

/**
 * After any other event a refused command may fit, so earlier refusals do not count as repeated.
 */
function changed(order: Order | undefined): Order | undefined {
  if (order?.rejections === undefined) return order;
  return { ...order, rejections: { ...order.rejections, unchanged: [] } };
}

function received(order: Order, event: EventOf<'FactReceived'>): Order {
  const { commandId, correlationId, causationId, actor, occurredAt: receivedAt } = event;
  const { fact: type, data } = event.data;
  const fact = { type, data, commandId, correlationId, causationId, actor, receivedAt };
  return { ...order, facts: [...factsOf(order), fact] };
}

/** Keeps the latest `limits.facts` of the unmatched facts; the log has all of them. */
function unmatched(order: Order, { factId }: EventData['FactUnmatched']): Order {
  const facts = factsOf(order).map((fact) =>
    fact.commandId === factId ? { ...fact, unmatched: true as const } : fact,
  );
  const surplus = facts.filter((fact) => fact.unmatched).length - limits.facts;
  return withFacts(order, surplus > 0 ? facts.filter((fact) => fact !== oldestUnmatched(facts)) : facts);
}

function oldestUnmatched(facts: readonly ReceivedFact[]): ReceivedFact | undefined {
  return facts.find((fact) => fact.unmatched);
}

/** Removes facts that this event applied, or that the order now reflects for another reason. */
function withoutAppliedFacts(order: Order, event: OrderEvent): Order {
  if (order.facts === undefined || event.type === 'FactReceived') return order;
  const left = order.facts.filter(
    (fact) => fact.commandId !== event.commandId && !holds(order, factOf(fact)),
  );
  return left.length === order.facts.length ? order : withFacts(order, left);
}

function withFacts(order: Order, facts: readonly ReceivedFact[]): Order {
  const { facts: _, ...rest } = order;
  return facts.length === 0 ? rest : { ...rest, facts };
}

// --- parts of an order ---

function count(
  order: Order,
  lines: readonly LineQuantity[],
  counter: keyof Pick<Line, 'allocated' | 'dispatched' | 'delivered' | 'returned'>,
): Order {
  return {
    ...order,
    lines: order.lines.map((line) => ({ ...line, [counter]: line[counter] + quantityOf(lines, line.sku) })),
  };
}

function linesOf(order: Order, shipmentId: string): readonly LineQuantity[] {
  return order.shipments.filter((entry) => entry.shipmentId === shipmentId).flatMap(({ lines }) => lines);
}

function withShipment(
  order: Order,
  shipmentId: string,
  change: (shipment: Shipment) => Partial<Shipment> | undefined,
): Order {
  return {
    ...order,
    shipments: order.shipments.map((entry) =>
      entry.shipmentId === shipmentId ? { ...entry, ...change(entry) } : entry,
    ),
  };
}

function withCharge(
  order: Order,
  shipmentId: string,
  change: (charge: ShipmentCharge) => Partial<ShipmentCharge>,
): Order {
  return withShipment(
    order,
    shipmentId,
    ({ charge }) => charge && { charge: { ...charge, ...change(charge) } },
  );
}

function withDeclinedCharges(order: Order, status: 'due' | 'written_off'): Order {
  return {
    ...order,
    shipments: order.shipments.map((entry) =>
      entry.charge?.status === 'declined' ? { ...entry, charge: { ...entry.charge, status } } : entry,
    ),
  };
}

function withReturn(order: Order, returnId: string, change: Partial<Order['returns'][number]>): Order {
  return {
    ...order,
    returns: order.returns.map((entry) => (entry.returnId === returnId ? { ...entry, ...change } : entry)),
  };
}
