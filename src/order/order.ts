import type {
  Address,
  Customer,
  FactData,
  FactType,
  LineQuantity,
  NewLine,
  PaymentMethod,
  Terms,
} from './commands.js';
import type { Effect, OwedEffect } from './effects.js';
import type { Cause, EventData, HoldCause, MissingStock } from './events.js';

/** `rejected`, `cancelled` and `expired` are final; a completed order stays open for returns until it is closed. */
export type OrderStatus = 'pending' | 'confirmed' | 'completed' | 'rejected' | 'cancelled' | 'expired';

/** An order as the fold of its events. Plain data: it is stored, sent and continued as new as it stands. */
export interface Order {
  readonly orderId: string;
  /** of the last event folded in */
  readonly version: number;
  readonly status: OrderStatus;
  /** true once the return window has passed */
  readonly closed: boolean;
  readonly holds: readonly Hold[];
  readonly customer: Customer;
  readonly currency: string;
  readonly lines: readonly Line[];
  readonly shippingFee: number;
  readonly tax: number;
  readonly discount: number;
  readonly total: number;
  readonly shippingAddress?: Address;
  readonly payment: PaymentMethod;
  readonly tags: readonly string[];
  /** the latest, `limits.notes` at most; the log has them all */
  readonly notes: readonly Note[];
  readonly terms: Terms;
  /** see `isUnder`; absent where they are rules 1 */
  readonly rules?: number;
  readonly createdAt: string;
  readonly updatedAt: string;

  /** what the inventory holds for this order, and what it could not give */
  readonly reserved: readonly LineQuantity[];
  readonly missing?: readonly MissingStock[];
  /** why the order itself, not an amendment or a capture, was not paid */
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

  /** every effect that is owed under its key until it is settled */
  readonly owed: readonly OwedEffect[];
  /** facts that do not fit yet, oldest first; absent for none */
  readonly facts?: readonly ReceivedFact[];
  /** refusals that the log tells of; absent for none */
  readonly rejections?: {
    readonly total: number;
    /** keys of those since the order last changed (`rejectionKey`) */
    readonly unchanged: readonly string[];
  };
  /** its last resumption; absent where there was none */
  readonly resumed?: Resumption;
}

/** An order's workflow was started anew from the journal. */
export interface Resumption {
  /** of its `OrderResumed` */
  readonly version: number;
  /** no deadline passes before it: what was told meanwhile, by the provider or a customer, comes first */
  readonly graceUntil: string;
}

/** A fact that waits until it fits, with the cause of the events it then leads to. */
export interface ReceivedFact extends Omit<Cause, 'occurredAt'> {
  readonly type: FactType;
  readonly data: FactData[FactType];
  /** ISO-8601 UTC */
  readonly receivedAt: string;
  /** a person was told of it; it is still applied if it fits after all */
  readonly unmatched?: true;
}

export interface Hold {
  readonly cause: HoldCause;
  readonly reason: string;
}

/** Quantities: cancelled + allocated ≤ quantity, dispatched ≤ allocated, delivered ≤ dispatched, returned ≤ delivered. */
export interface Line extends NewLine {
  readonly cancelled: number;
  /** in a shipment that is not cancelled */
  readonly allocated: number;
  readonly dispatched: number;
  readonly delivered: number;
  readonly returned: number;
}

export interface Note {
  readonly text: string;
  readonly at: string;
  readonly actor: string;
}

/** captured ≤ amount. A retired authorization is not captured any more; what is left of it is voided. */
export interface Authorization {
  readonly authorizationId: string;
  /** key of the effect that asked for it */
  readonly reference: string;
  readonly amount: number;
  readonly captured: number;
  readonly status: 'pending' | 'authorized' | 'expired' | 'voided' | 'declined';
  readonly retired: boolean;
  /** of a pending one: when it times out; of an authorized one: when it lapses */
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
  /** together its amount, paid in this order; absent under rules 1 */
  readonly parts?: readonly RefundPart[];
}

/** What of a refund belongs to one shipment, and is paid out of its captures. */
export interface RefundPart {
  readonly shipmentId: string;
  readonly amount: number;
}

export interface Shipment {
  readonly shipmentId: string;
  readonly status: 'created' | 'dispatched' | 'delivered' | 'cancelled';
  readonly lines: readonly LineQuantity[];
  readonly carrier?: string;
  readonly trackingNumber?: string;
  /** the goods have left the stock */
  readonly deducted: boolean;
  /** what its dispatch costs the customer; absent until then */
  readonly charge?: ShipmentCharge;
}

export interface ShipmentCharge {
  readonly amount: number;
  readonly captured: number;
  readonly status: 'due' | 'captured' | 'declined' | 'written_off';
  /** to which lines it belongs; absent under rules 1 */
  readonly lines?: readonly ChargedLine[];
}

/** A line's part of its shipment's charge. refunded ≤ captured ≤ amount; `refunded` is what was promised back. */
export interface ChargedLine extends LineQuantity {
  readonly amount: number;
  readonly captured: number;
  readonly refunded: number;
  /** units that were received back; the last of them leaves nothing to refund */
  readonly returned: number;
}

export interface Return {
  readonly returnId: string;
  readonly status: 'requested' | 'received';
  readonly lines: readonly LineQuantity[];
  readonly reason: string;
  readonly restocked: boolean;
  /** once received: what it is entitled to; absent under rules 1 */
  readonly entitled?: readonly RefundPart[];
}

/** Requested; the old lines stand until it is secured or refused. */
export interface Amendment {
  readonly lines?: readonly NewLine[];
  readonly total: number;
  readonly shippingAddress?: Address;
  readonly refusal?: EventData['AmendmentRefused'];
}

// --- questions that several rules ask ---

/** When a deadline of the order passes, which may have gone by while its workflow was away. */
export function dueAt({ resumed }: Order, deadline: string): string {
  return resumed !== undefined && resumed.graceUntil > deadline ? resumed.graceUntil : deadline;
}

/** The order came to nothing: what it holds is given back. */
export function isDead(order: Order): boolean {
  return order.status === 'rejected' || order.status === 'cancelled' || order.status === 'expired';
}

/** Nothing will ever happen to it again. */
export function isFinished(order: Order): boolean {
  return (isDead(order) || order.closed) && order.owed.length === 0;
}

export function owes(order: Order, type: Effect['type']): boolean {
  return order.owed.some((effect) => effect.type === type);
}

/** What is left of an authorization that may still be captured. */
export function capturable(authorization: Authorization): number {
  return authorization.status === 'authorized' && !authorization.retired
    ? authorization.amount - authorization.captured
    : 0;
}

export function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

/** Units of a line that are neither cancelled nor in a shipment. */
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

/** Captured and not yet promised back. */
export function refundable(order: Order): number {
  return sum(order.captures, (capture) => capture.amount) - sum(order.refunds, (refund) => refund.amount);
}

/** A shipment's charge that nobody has paid or given up yet. */
export function isUnpaid(shipment: Shipment): boolean {
  return shipment.charge?.status === 'due' || shipment.charge?.status === 'declined';
}
