import { share } from './money.js';
import type { LineQuantity } from './commands.js';
import { type Line, type Order, quantityOf, sum } from './order.js';

/**
 * The part of the order's total that belongs to `quantities` of its goods, fee, tax and discount included: in proportion to
 * the value of the goods, or to their number when all are free. Rounded down; the whole order is exactly its total.
 */
function worth(order: Order, quantities: (line: Line) => number): number {
  const free = order.lines.every((line) => line.unitPrice === 0);
  const weight = (line: Line) => BigInt(free ? 1 : line.unitPrice);
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

/** What goes back for `returned`, never more than what was captured and is not promised back already. */
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
