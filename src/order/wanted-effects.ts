import type { LineQuantity } from './commands.js';
import type { WantedEffect } from './effects.js';
import {
  type Authorization,
  type Line,
  type Order,
  type Refund,
  type Shipment,
  capturable,
  isDead,
  isUnpaid,
  owes,
  quantityOf,
  sum,
  undispatched,
} from './order.js';

/**
 * The effects that should become owed next. They follow from the state alone (level-triggered):
 * what should be reserved, authorized, captured … is compared with what already is. An effect of a
 * type that is owed already is left out, except `book`, which may be owed once for each shipment.
 */
export function wantedEffects(order: Order): readonly WantedEffect[] {
  const wanted = [
    wantedStock(order),
    wantedDeduction(order),
    wantedRestock(order),
    wantedPayment(order),
    wantedVoid(order),
    wantedRefund(order),
  ];
  const owed = wanted.filter((effect) => effect !== undefined).filter((effect) => !owes(order, effect.type));
  const booking = wantedBooking(order);
  return booking === undefined ? owed : [...owed, booking];
}

// --- goods ---

/**
 * The reservation of what is needed and not reserved yet, or the release of what is reserved and
 * not needed.
 */
function wantedStock(order: Order): WantedEffect | undefined {
  if (owes(order, 'reserve') || owes(order, 'release')) return undefined;
  const needed = neededStock(order);
  const short = beyond(needed, order.reserved);
  if (short.length > 0) return order.missing === undefined ? { type: 'reserve', lines: short } : undefined;
  const excess = beyond(order.reserved, needed);
  return excess.length > 0 ? { type: 'release', lines: excess } : undefined;
}

/** Whether everything that the order and its amendment need is reserved. */
export function isStockSecured(order: Order): boolean {
  return (
    !owes(order, 'reserve') &&
    !owes(order, 'release') &&
    beyond(neededStock(order), order.reserved).length === 0
  );
}

/** Units that must be reserved: those that have not left the stock, and what an amendment adds. */
function neededStock(order: Order): readonly LineQuantity[] {
  if (isDead(order)) return [];
  const gone = new Map<string, number>();
  for (const shipment of order.shipments) {
    if (!shipment.deducted) continue;
    for (const line of shipment.lines) gone.set(line.sku, (gone.get(line.sku) ?? 0) + line.quantity);
  }
  const left = ({ sku, quantity, cancelled }: Line) => quantity - cancelled - (gone.get(sku) ?? 0);
  const current = order.lines.map((line) => ({ sku: line.sku, quantity: left(line) }));
  const amended = order.amendment?.refusal === undefined ? (order.amendment?.lines ?? []) : [];
  const skus = new Set([...current, ...amended].map((line) => line.sku));
  return [...skus].map((sku) => ({
    sku,
    quantity: Math.max(quantityOf(current, sku), quantityOf(amended, sku)),
  }));
}

function beyond(wanted: readonly LineQuantity[], held: readonly LineQuantity[]): readonly LineQuantity[] {
  return wanted
    .map(({ sku, quantity }) => ({ sku, quantity: quantity - quantityOf(held, sku) }))
    .filter((line) => line.quantity > 0);
}

function wantedDeduction(order: Order): WantedEffect | undefined {
  const shipment = order.shipments.find(isUndeducted);
  return shipment && { type: 'deduct', shipmentId: shipment.shipmentId, lines: shipment.lines };
}

/** Goods are restocked only after everything that was dispatched has left the stock. */
function wantedRestock(order: Order): WantedEffect | undefined {
  if (order.shipments.some(isUndeducted)) return undefined;
  const received = order.returns.find(({ status, restocked }) => status === 'received' && !restocked);
  return received && { type: 'restock', returnId: received.returnId, lines: received.lines };
}

/** The first requested label whose booking is not owed yet. */
function wantedBooking(order: Order): WantedEffect | undefined {
  const { shippingAddress, customer } = order;
  const shipment = order.shipments.find(
    ({ shipmentId, label }) => label?.status === 'requested' && !owesBooking(order, shipmentId),
  );
  if (shipment === undefined || shippingAddress === undefined) return undefined;
  const { shipmentId, label, lines } = shipment;
  return {
    type: 'book',
    shipmentId,
    ...(label?.carrier !== undefined && { carrier: label.carrier }),
    lines: lines.map(({ sku, quantity }) => {
      const name = order.lines.find((line) => line.sku === sku)?.name;
      return { sku, quantity, ...(name !== undefined && { name }) };
    }),
    customer: { name: customer.name },
    shippingAddress,
  };
}

function owesBooking(order: Order, shipmentId: string): boolean {
  return order.owed.some((effect) => effect.type === 'book' && effect.shipmentId === shipmentId);
}

function isUndeducted({ status, deducted }: Shipment): boolean {
  return !deducted && (status === 'dispatched' || status === 'delivered');
}

// --- money ---

/**
 * Goods come first, then money: the payment is authorized once stock is reserved, and captured once
 * the goods have left the stock.
 */
function wantedPayment(order: Order): WantedEffect | undefined {
  if (owes(order, 'authorize') || owes(order, 'capture') || isDead(order)) return undefined;
  if (order.authorizations.some((entry) => entry.status === 'pending' && !entry.retired)) return undefined;
  if (order.status === 'pending')
    return isStockSecured(order) && !isPaymentRefused(order) ? authorizeUpTo(order, order.total) : undefined;
  if (order.amendment !== undefined) {
    const { total, refusal } = order.amendment;
    return isStockSecured(order) && refusal === undefined ? authorizeUpTo(order, total) : undefined;
  }
  return wantedCapture(order);
}

function isPaymentRefused(order: Order): boolean {
  return order.declined !== undefined || order.timedOut;
}

/** Whether at least `amount` can be captured. */
export function isPaymentSecured(order: Order, amount: number): boolean {
  return sum(order.authorizations, capturable) >= amount;
}

function authorizeUpTo(order: Order, amount: number): WantedEffect | undefined {
  if (isPaymentSecured(order, amount)) return undefined;
  return {
    type: 'authorize',
    amount: amount - sum(order.authorizations, capturable),
    currency: order.currency,
    method: order.payment.method,
    ttl: order.terms.authorizationTtl,
  };
}

/**
 * The capture for the first charge that is due, from the first authorization that has something
 * left. If all authorizations together are not enough, another one is wanted first.
 */
function wantedCapture(order: Order): WantedEffect | undefined {
  const shipment = order.shipments.find(isChargeInTurn);
  if (shipment?.charge === undefined) return undefined;
  const due = shipment.charge.amount - shipment.charge.captured;
  const short = authorizeUpTo(order, due);
  if (short !== undefined) return short;
  const authorization = order.authorizations.find((entry) => capturable(entry) > 0);
  return (
    authorization && {
      type: 'capture',
      shipmentId: shipment.shipmentId,
      authorizationId: authorization.authorizationId,
      amount: Math.min(due, capturable(authorization)),
      currency: order.currency,
    }
  );
}

/** Whether the charge is due and the goods have left the stock, so it can be captured. */
export function isChargeInTurn({ charge, deducted }: Shipment): boolean {
  return deducted && charge?.status === 'due';
}

function wantedVoid(order: Order): WantedEffect | undefined {
  if (owes(order, 'authorize') || owes(order, 'capture')) return undefined;
  const idle = order.authorizations.find((entry) => isOpen(entry) && !isNeeded(order, entry));
  return idle && { type: 'void', authorizationId: idle.authorizationId };
}

function isOpen({ status, amount, captured }: Authorization): boolean {
  return status === 'pending' || (status === 'authorized' && captured < amount);
}

/** Whether something may still be captured from the authorization. */
export function isNeeded(order: Order, authorization: Authorization): boolean {
  const mayCharge = order.shipments.some(isUnpaid) || order.lines.some((line) => undispatched(line) > 0);
  return isOpen(authorization) && !authorization.retired && !isDead(order) && mayCharge;
}

function wantedRefund(order: Order): WantedEffect | undefined {
  const refund = order.refunds.find((entry) => entry.refunded < entry.amount);
  if (refund === undefined) return undefined;
  const { amount, from } = owedOf(refund);
  const capture = order.captures.find(
    (entry) => entry.refunded < entry.amount && (from === undefined || from === entry.shipmentId),
  );
  return (
    capture && {
      type: 'refund',
      refundId: refund.refundId,
      captureId: capture.captureId,
      amount: Math.min(amount, capture.amount - capture.refunded),
      currency: order.currency,
    }
  );
}

/**
 * The next payment of a refund. Its parts are paid one after another, each out of the captures of
 * its shipment.
 */
function owedOf({ amount, refunded, parts = [] }: Refund): {
  readonly amount: number;
  readonly from?: string;
} {
  let upTo = 0;
  for (const part of parts) {
    upTo += part.amount;
    if (upTo > refunded) return { amount: upTo - refunded, from: part.shipmentId };
  }
  return { amount: amount - refunded };
}
