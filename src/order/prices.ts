import type { LineQuantity } from './commands.js';
import { share } from './money.js';
import { type Line, type Order, quantityOf, sum } from './order.js';

/** By what money is spread over units of an order: the price of each, or their number when all of them are free. */
export function unitWeight(order: Order): (line: Line) => bigint {
  const free = order.lines.every((line) => line.unitPrice === 0);
  return (line) => BigInt(free ? 1 : line.unitPrice);
}

/**
 * The part of the order's total that belongs to `quantities` of its goods, fee, tax and discount included: in proportion to
 * the weight of its units. Rounded down; the whole order is exactly its total.
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

/** What is charged when `shipped` is dispatched: the worth of all dispatched by then, less what was charged before. */
export function shipmentCharge(order: Order, shipped: readonly LineQuantity[]): number {
  const target = worth(order, (line) => line.dispatched + quantityOf(shipped, line.sku));
  return target - sum(order.shipments, (shipment) => shipment.charge?.amount ?? 0);
}

/** Rules 1: what goes back for `returned`, never more than what was captured for the order and is not promised back already. */
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

/** What the customer owes in the end for all that is not cancelled. */
export function amountDue(order: Order): number {
  return worth(order, (line) => line.quantity - line.cancelled);
}
