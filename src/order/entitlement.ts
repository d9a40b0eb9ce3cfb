import type { LineQuantity } from './commands.js';
import { share, spread } from './money.js';
import { type ChargedLine, type Line, type Order, type RefundPart, quantityOf } from './order.js';
import { unitWeight } from './prices.js';

/*
 * A refund is limited by what was captured for its own goods (since rules 2). Each line of a
 * shipment keeps three amounts: what was charged for it, how much of that was captured, and how
 * much of that was promised back. What is left of a line is the captured amount minus the amount
 * promised back. Refunds can use all of it, and never exceed it.
 *
 * - A charge includes its share of fee, tax and discount. It is spread over the lines of its
 *   shipment by value.
 * - A capture is spread over these lines by what each line still lacks, so a partial capture pays a
 *   part of each line.
 * - Returned units get their share of what is left of their line. If a SKU was delivered in several
 *   shipments, the units with the most money left are counted first: paid units before unpaid ones.
 * - A goodwill refund is taken from all lines, in proportion to what is left of each.
 */

/** The amount that a refund takes from one line of a shipment, and the number of returned units. */
interface Claim extends LineQuantity {
  readonly shipmentId: string;
  readonly amount: number;
}

/** The lines of a shipment when it is dispatched, each with its share of the charge. */
export function chargedLines(
  order: Order,
  lines: readonly LineQuantity[],
  charge: number,
): readonly ChargedLine[] {
  const weight = unitWeight(order);
  const shipped = order.lines
    .map((line) => ({ ...line, quantity: quantityOf(lines, line.sku) }))
    .filter((line) => line.quantity > 0);
  const value = (line: Line) => BigInt(line.quantity) * weight(line);
  return spread(charge, shipped, value, ({ sku, quantity }, amount) => ({
    sku,
    quantity,
    amount,
    captured: 0,
    refunded: 0,
    returned: 0,
  }));
}

/** The lines of a shipment after `amount` was captured for it. */
export function capturedLines(lines: readonly ChargedLine[], amount: number): readonly ChargedLine[] {
  const lacking = (line: ChargedLine) => BigInt(line.amount - line.captured);
  return spread(amount, lines, lacking, (line, part) => ({ ...line, captured: line.captured + part }));
}

/** The refund for returned goods, line by line. */
export function entitlement(order: Order, returned: readonly LineQuantity[]): readonly Claim[] {
  const delivered = order.shipments.filter(({ status }) => status === 'delivered').flatMap(linesOf);
  return returned.flatMap(({ sku, quantity }) => {
    let open = quantity;
    return delivered
      .filter((line) => line.sku === sku && unitsLeft(line) > 0n)
      .toSorted(mostLeftEachFirst)
      .map((line) => {
        const units = Math.min(open, line.quantity - line.returned);
        open -= units;
        const amount = share(line.captured - line.refunded, BigInt(units), unitsLeft(line));
        return { shipmentId: line.shipmentId, sku, quantity: units, amount };
      });
  });
}

/** A refund without returned goods, line by line. */
export function goodwill(order: Order, amount: number): readonly Claim[] {
  const lines = order.shipments.flatMap(linesOf);
  return spread(amount, lines, moneyLeft, ({ shipmentId, sku }, part) => ({
    shipmentId,
    sku,
    quantity: 0,
    amount: part,
  }));
}

/** The order after the claims are subtracted from its lines. */
export function afterClaims(order: Order, claims: readonly Claim[]): Order {
  const claimed = new Map(claims.map((claim) => [`${claim.shipmentId} ${claim.sku}`, claim]));
  return {
    ...order,
    shipments: order.shipments.map((shipment) => {
      if (shipment.charge?.lines === undefined) return shipment;
      const lines = shipment.charge.lines.map((line) => {
        const { quantity = 0, amount = 0 } = claimed.get(`${shipment.shipmentId} ${line.sku}`) ?? {};
        return { ...line, refunded: line.refunded + amount, returned: line.returned + quantity };
      });
      return { ...shipment, charge: { ...shipment.charge, lines } };
    }),
  };
}

/** The sum of the claims for each shipment. */
export function partsOf(claims: readonly Claim[]): readonly RefundPart[] {
  const amounts = new Map<string, number>();
  for (const { shipmentId, amount } of claims)
    amounts.set(shipmentId, (amounts.get(shipmentId) ?? 0) + amount);
  return [...amounts]
    .filter(([, amount]) => amount > 0)
    .map(([shipmentId, amount]) => ({ shipmentId, amount }));
}

function linesOf({ shipmentId, charge }: Order['shipments'][number]) {
  return (charge?.lines ?? []).map((line) => ({ ...line, shipmentId }));
}

function moneyLeft({ captured, refunded }: ChargedLine): bigint {
  return BigInt(captured - refunded);
}

function unitsLeft({ quantity, returned }: ChargedLine): bigint {
  return BigInt(quantity - returned);
}

function mostLeftEachFirst(a: ChargedLine, b: ChargedLine): number {
  return Number(moneyLeft(b) * unitsLeft(a) - moneyLeft(a) * unitsLeft(b));
}
