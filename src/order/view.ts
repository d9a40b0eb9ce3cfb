import { allowedCommands, blockedForReturn, blockedForShipment } from './allowed.js';
import { returnCommandTypes, segments, shipmentCommandTypes } from './commands.js';
import {
  type Authorization,
  type Line,
  type Order,
  type Refund,
  type Return,
  type Shipment,
  capturable,
  sum,
} from './order.js';
import { amountDue } from './prices.js';

/** How far the payment of an order has come (`paymentStatus`). */
export const paymentStatuses = [
  'none',
  'pending',
  'authorized',
  'partially_captured',
  'captured',
  'partially_refunded',
  'refunded',
  'voided',
] as const;
export type PaymentStatus = (typeof paymentStatuses)[number];

export const fulfillmentStatuses = [
  'none',
  'partially_shipped',
  'shipped',
  'partially_delivered',
  'delivered',
] as const;
export type FulfillmentStatus = (typeof fulfillmentStatuses)[number];

/** An order as the HTTP API shows it. Amounts are in minor units. */
export type OrderView = ReturnType<typeof toView>;

export function toView(order: Order) {
  const { orderId, version, status, customer, currency, total, tags, notes, createdAt, updatedAt } = order;
  return {
    orderId,
    version,
    status,
    held: order.holds.length > 0,
    ...(order.holds[0] === undefined ? {} : { holdReason: order.holds[0].reason }),
    ...(order.cancelReason === undefined ? {} : { cancelReason: order.cancelReason }),
    customer,
    currency,
    lines: order.lines.map(toLine),
    shippingFee: order.shippingFee,
    tax: order.tax,
    discount: order.discount,
    total,
    ...(order.shippingAddress === undefined ? {} : { shippingAddress: order.shippingAddress }),
    paymentStatus: paymentStatus(order),
    authorized: authorizedAmount(order),
    captured: capturedAmount(order),
    refunded: refundedAmount(order),
    fulfillmentStatus: fulfillmentStatus(order),
    shipments: order.shipments.map((shipment) => toShipment(order, shipment)),
    returns: order.returns.map((entry) => toReturn(order, entry)),
    refunds: order.refunds.map(toRefund),
    ...(order.amendment === undefined ? {} : { amendment: { total: order.amendment.total } }),
    notes,
    tags,
    ...(order.returnsUntil === undefined ? {} : { returnsUntil: order.returnsUntil }),
    ...allowedCommands(order),
    createdAt,
    updatedAt,
  };
}

function toLine({ sku, quantity, unitPrice, name, cancelled, dispatched, delivered, returned }: Line) {
  return {
    sku,
    quantity,
    unitPrice,
    ...(name === undefined ? {} : { name }),
    cancelled,
    shipped: dispatched,
    delivered,
    returned,
  };
}

function toShipment(order: Order, shipment: Shipment) {
  const { shipmentId, status, lines, label, carrier, trackingNumber, charge } = shipment;
  return {
    shipmentId,
    status,
    lines,
    ...(label === undefined ? {} : { label }),
    ...(carrier === undefined ? {} : { carrier }),
    ...(trackingNumber === undefined ? {} : { trackingNumber }),
    ...(charge === undefined ? {} : { amount: charge.amount, charge: charge.status }),
    allowedCommands: shipmentCommandTypes
      .filter((type) => blockedForShipment(order, shipment, type) === undefined)
      .map((type) => segments[type]),
  };
}

function toReturn(order: Order, entry: Return) {
  const { returnId, status, lines, reason } = entry;
  return {
    returnId,
    status,
    lines,
    reason,
    allowedCommands: returnCommandTypes
      .filter((type) => blockedForReturn(order, entry, type) === undefined)
      .map((type) => segments[type]),
  };
}

function toRefund({ refundId, amount, reason, refunded, returnId }: Refund) {
  return {
    refundId,
    amount,
    reason,
    status: refunded < amount ? ('owed' as const) : ('refunded' as const),
    ...(returnId === undefined ? {} : { returnId }),
  };
}

/**
 * The amount that was captured or can still be captured. An expired, voided or retired
 * authorization counts only with what was captured from it.
 */
export function authorizedAmount(order: Order): number {
  return sum(order.authorizations, (entry) => entry.captured + capturable(entry));
}

export function capturedAmount(order: Order): number {
  return sum(order.captures, (entry) => entry.amount);
}

export function refundedAmount(order: Order): number {
  return sum(order.captures, (entry) => entry.refunded);
}

/** Derived from authorizations, captures and refunds; not part of the order's state. */
export function paymentStatus(order: Order): PaymentStatus {
  const captured = capturedAmount(order);
  const refunded = refundedAmount(order);
  if (refunded > 0) return refunded < captured ? 'partially_refunded' : 'refunded';
  if (captured > 0) return captured < amountDue(order) ? 'partially_captured' : 'captured';
  const has = (status: Authorization['status']) =>
    order.authorizations.some((entry) => entry.status === status);
  if (has('authorized')) return 'authorized';
  if (has('pending')) return 'pending';
  return has('voided') ? 'voided' : 'none';
}

/** Derived from the counters of the lines; cancelled units do not count. */
export function fulfillmentStatus(order: Order): FulfillmentStatus {
  const kept = sum(order.lines, (line) => line.quantity - line.cancelled);
  const delivered = sum(order.lines, (line) => line.delivered);
  const dispatched = sum(order.lines, (line) => line.dispatched);
  if (delivered > 0) return delivered < kept ? 'partially_delivered' : 'delivered';
  if (dispatched > 0) return dispatched < kept ? 'partially_shipped' : 'shipped';
  return 'none';
}
