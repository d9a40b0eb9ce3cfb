import type { LineQuantity } from './commands.js';
import { share } from './money.js';
import { type Line, type Order, quantityOf, sum } from './order.js';

/** The weight of a unit when money is spread over goods: its price, or 1 if all goods are free. */
export function unitWeight(order: Order): (line: Line) => bigint {
  const free = order.lines.every((line) => line.unitPrice === 0);
  return (line) => BigInt(free ? 1 : line.unitPrice);
}

/**
 * The share of the order's total that belongs to `quantities` of its goods, in proportion to their
 * weight. It includes fee, tax and discount, and is rounded down. All goods together give exactly
 * the total.
 */
function worth(order: Order, quantities: (line: Line) => number): number {
  const weight = unitWeight(order);
  let part = 0n;
  let whole = 0n;
  for (const line of order.lines) {
    part += BigInt(quantities(line)) * weight(line);
    whole += BigInt(line.quantity) * weight(line);
  }
  return share(order.total, part, whole);
}

/**
 * The charge for a shipment of `shipped` when it is dispatched: the worth of everything dispatched
 * so far, this shipment included, minus earlier charges.
 */
export function shipmentCharge(order: Order, shipped: readonly LineQuantity[]): number {
  const target = worth(order, (line) => line.dispatched + quantityOf(shipped, line.sku));
  return target - sum(order.shipments, (shipment) => shipment.charge?.amount ?? 0);
}

/**
 * The refund for `returned` under rules 1. It is at most `limit`, the amount that was captured and
 * is not promised back yet.
 */
export function returnRefund(order: Order, returned: readonly LineQuantity[], limit: number): number {
  const before = sum(order.refunds, (refund) => (refund.returnId === undefined ? 0 : refund.amount));
  const received = order.returns
    .filter((entry) => entry.status === 'received')
    .flatMap((entry) => entry.lines);
  const back = (sku: string) =>
    sum([...received, ...returned], (line) => (line.sku === sku ? line.quantity : 0));
  const target = worth(order, (line) => back(line.sku));
  return Math.min(target - before, limit);
}

/** The share of the order's total for everything that is not cancelled. */
export function amountDue(order: Order): number {
  return worth(order, (line) => line.quantity - line.cancelled);
}
