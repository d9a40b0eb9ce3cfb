import type { Address, FactData, FactType, LineQuantity, NewLine, OrderHeader } from './commands.js';
import type { Effect, OwedEffect, Parcel } from './effects.js';
import type { Cause, EventData, HoldCause, MissingStock } from './events.js';

/**
 * `rejected`, `cancelled` and `expired` are final. A `completed` order accepts returns until it is
 * closed.
 */
export const orderStatuses = [
  'pending',
  'confirmed',
  'completed',
  'rejected',
  'cancelled',
  'expired',
] as const;
export type OrderStatus = (typeof orderStatuses)[number];

/** The state of an order: the fold of its events. It is plain data, stored and sent as it is. */
export interface Order extends OrderHeader {
  readonly orderId: string;
  /** version of the last event that was folded in */
  readonly version: number;
  readonly status: OrderStatus;
  /** true once the return window has passed */
  readonly closed: boolean;
  readonly holds: readonly Hold[];
  readonly lines: readonly Line[];
  readonly shippingFee: number;
  readonly tax: number;
  readonly discount: number;
  readonly total: number;
  readonly tags: readonly string[];
  /** the latest `LIMITS.notes` notes; the log has all of them */
  readonly notes: readonly Note[];
  /** the rules it is decided by (`followsRules`); absent for rules 1 */
  readonly rules?: number;
  readonly createdAt: string;
  readonly updatedAt: string;

  /** what the inventory has reserved for this order */
  readonly reserved: readonly LineQuantity[];
  /** what the inventory could not reserve */
  readonly missing?: readonly MissingStock[];
  /** why the order's first payment was declined; a declined amendment or capture does not set it */
  readonly declined?: string;
  readonly timedOut: boolean;

  readonly authorizations: readonly Authorization[];
  readonly captures: readonly Capture[];
  readonly refunds: readonly Refund[];
  readonly shipments: readonly Shipment[];
  readonly returns: readonly Return[];
  readonly amendment?: Amendment;
  readonly cancelReason?: string;
  /** end of the return window; set at completion */
  readonly returnsUntil?: string;

  /** the effects that are owed and not settled yet */
  readonly owed: readonly OwedEffect[];
  /** facts that do not fit yet, oldest first; absent if there are none */
  readonly facts?: readonly ReceivedFact[];
  /** refusals in the log (`CommandRejected`); absent if there are none */
  readonly rejections?: {
    readonly total: number;
    /** keys (`rejectionKey`) of the refusals since the order last changed */
    readonly unchanged: readonly string[];
  };
  /** absent unless its personal data was forgotten */
  readonly forgotten?: Forgotten;
  /** its last resumption; absent if there was none */
  readonly resumed?: Resumption;
}

/** The order's personal data was forgotten (`PersonForgotten`). */
export interface Forgotten {
  /** when it was forgotten last, ISO-8601 UTC */
  readonly at: string;
  /** ids of all keys that were destroyed */
  readonly keys: readonly string[];
}

/** A restart of the order's workflow from the journal. */
export interface Resumption {
  /** version of its `OrderResumed` */
  readonly version: number;
  /** no deadline passes before this time, so that messages that were delayed are handled first */
  readonly graceUntil: string;
}

/** A fact that waits until it fits, with the cause of the events that it will lead to. */
export interface ReceivedFact extends Pick<Cause, 'commandId' | 'correlationId' | 'causationId' | 'actor'> {
  readonly type: FactType;
  readonly data: FactData[FactType];
  /** ISO-8601 UTC */
  readonly receivedAt: string;
  /** it was reported to an operator; it is still applied if it fits later */
  readonly unmatched?: true;
}

export interface Hold {
  readonly cause: HoldCause;
  readonly reason: string;
}

/**
 * Quantities: cancelled + allocated ≤ quantity, dispatched ≤ allocated, delivered ≤ dispatched,
 * returned ≤ delivered.
 */
export interface Line extends NewLine {
  readonly cancelled: number;
  /** units in shipments that are not cancelled */
  readonly allocated: number;
  readonly dispatched: number;
  readonly delivered: number;
  /** units in returns, requested or received */
  readonly returned: number;
}

export interface Note {
  readonly text: string;
  readonly at: string;
  readonly actor: string;
}

/** captured ≤ amount. A retired authorization is no longer captured, and its rest is voided. */
export interface Authorization {
  readonly authorizationId: string;
  /** key of the effect that asked for it */
  readonly reference: string;
  readonly amount: number;
  readonly captured: number;
  readonly status: 'pending' | 'authorized' | 'expired' | 'voided' | 'declined';
  readonly retired: boolean;
  /** when it times out (if pending) or expires (if authorized) */
  readonly until: string;
}

export interface Capture {
  readonly captureId: string;
  readonly shipmentId: string;
  readonly amount: number;
  readonly refunded: number;
}

export interface Refund {
  readonly refundId: string;
  readonly returnId?: string;
  readonly amount: number;
  readonly refunded: number;
  readonly reason: string;
  /** the parts, which are paid one after another and add up to `amount`; absent under rules 1 */
  readonly parts?: readonly RefundPart[];
}

/** The part of a refund that is paid out of the captures of one shipment. */
export interface RefundPart {
  readonly shipmentId: string;
  readonly amount: number;
}

export const shipmentStatuses = ['created', 'dispatched', 'delivered', 'cancelled'] as const;

export interface Shipment {
  readonly shipmentId: string;
  readonly status: (typeof shipmentStatuses)[number];
  readonly lines: readonly LineQuantity[];
  /** absent if none was requested */
  readonly label?: Label;
  readonly carrier?: string;
  readonly trackingNumber?: string;
  /** the goods have left the stock */
  readonly deducted: boolean;
  /** what the customer pays for it; absent until it is dispatched */
  readonly charge?: ShipmentCharge;
}

/**
 * A label that the provider of carriers books. While it is `requested`, its booking is owed. A
 * booked label stays, even if the shipment is cancelled or leaves under another tracking number.
 */
export type Label =
  | { readonly status: 'requested'; readonly carrier?: string }
  | ({ readonly status: 'booked'; readonly labelUrl?: string } & Parcel)
  | { readonly status: 'refused'; readonly carrier?: string; readonly code: string };

export const chargeStatuses = ['due', 'captured', 'declined', 'written_off'] as const;

export interface ShipmentCharge {
  readonly amount: number;
  readonly captured: number;
  readonly status: (typeof chargeStatuses)[number];
  /** its split over the shipment's lines; absent under rules 1 */
  readonly lines?: readonly ChargedLine[];
}

/**
 * A line's share of its shipment's charge: refunded ≤ captured ≤ amount. `refunded` includes what
 * was promised and is not paid out yet.
 */
export interface ChargedLine extends LineQuantity {
  readonly amount: number;
  readonly captured: number;
  readonly refunded: number;
  /** units that came back; the refund of the last one is all that is left of the line's money */
  readonly returned: number;
}

export const returnStatuses = ['requested', 'received'] as const;

export interface Return {
  readonly returnId: string;
  readonly status: (typeof returnStatuses)[number];
  readonly lines: readonly LineQuantity[];
  readonly reason: string;
  readonly restocked: boolean;
  /** the refund that the return is entitled to; absent until it is received, and under rules 1 */
  readonly entitled?: readonly RefundPart[];
}

/** A requested amendment. The old lines are in force until its stock and payment are secured. */
export interface Amendment {
  readonly lines?: readonly NewLine[];
  readonly total: number;
  readonly shippingAddress?: Address;
  readonly refusal?: EventData['AmendmentRefused'];
}

// --- questions that several modules ask ---

/** When a deadline takes effect: at its time, but not before the grace after a resumption ends. */
export function dueAt({ resumed }: Order, deadline: string): string {
  return resumed !== undefined && resumed.graceUntil > deadline ? resumed.graceUntil : deadline;
}

/**
 * Whether the order has ended without success. Then all that is reserved and authorized for it is
 * given back.
 */
export function isDead(order: Order): boolean {
  return order.status === 'rejected' || order.status === 'cancelled' || order.status === 'expired';
}

/**
 * Whether the order is over and owes nothing. From then on, it takes no command but `ForgetPerson`.
 */
export function isFinished(order: Order): boolean {
  return (isDead(order) || order.closed) && order.owed.length === 0;
}

/**
 * Whether only the return window keeps the order open: it is completed, with no return or effect in
 * flight.
 */
export function isReadyToClose(order: Order): boolean {
  return (
    order.status === 'completed' &&
    !order.closed &&
    order.owed.length === 0 &&
    order.returns.every((entry) => entry.status === 'received')
  );
}

/**
 * Whether the order is over, except for returns. It can then change only by a command or by
 * closing.
 */
export function isOver(order: Order): boolean {
  return isFinished(order) || isReadyToClose(order);
}

/**
 * The effects that the order owes, each with its idempotency key. An effect stays owed until its
 * outcome settles it, whatever happens to the order meanwhile. Only then can an effect that
 * reverses it become owed.
 */
export function owedEffects(order: Order): readonly Effect[] {
  // `since` is left out, because older states lack it: one key must always stand for the same
  // request.
  return order.owed.map((owed) => {
    const { since: _, ...effect } = owed;
    return effect;
  });
}

export function owes(order: Order, type: Effect['type']): boolean {
  return order.owed.some((effect) => effect.type === type);
}

/** The amount that can still be captured from an authorization. */
export function capturable(authorization: Authorization): number {
  return authorization.status === 'authorized' && !authorization.retired
    ? authorization.amount - authorization.captured
    : 0;
}

export function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

/** Units of a line that are neither cancelled nor part of a shipment. */
export function unallocated(line: Line): number {
  return line.quantity - line.cancelled - line.allocated;
}

/** Units of a line that are neither cancelled nor dispatched. */
export function undispatched(line: Line): number {
  return line.quantity - line.cancelled - line.dispatched;
}

export function quantityOf(lines: readonly LineQuantity[], sku: string): number {
  return lines.find((line) => line.sku === sku)?.quantity ?? 0;
}

/** The amount that was captured and is not promised back yet. */
export function refundable(order: Order): number {
  return sum(order.captures, (capture) => capture.amount) - sum(order.refunds, (refund) => refund.amount);
}

/** Whether the shipment's charge is neither captured nor written off yet. */
export function isUnpaid(shipment: Shipment): boolean {
  return shipment.charge?.status === 'due' || shipment.charge?.status === 'declined';
}
