import type { Effect } from './effects.js';
import { formatMoney } from './money.js';
import type { Order } from './order.js';
import { unreachable } from './unreachable.js';
import {
  authorizedAmount,
  capturedAmount,
  fulfillmentStatus,
  paymentStatus,
  refundedAmount,
} from './view.js';

/** An effect in a few words: `authorize EUR 39.98`. */
export function effectSummary(effect: Effect): string {
  switch (effect.type) {
    case 'authorize':
    case 'capture':
    case 'refund':
      return `${effect.type} ${formatMoney(effect.amount, effect.currency)}`;
    case 'reserve':
    case 'release':
    case 'deduct':
    case 'restock':
      return `${effect.type} ${effect.lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ')}`;
    case 'void':
      return `void ${effect.authorizationId}`;
    case 'book':
      return `book ${effect.shipmentId}${effect.carrier === undefined ? '' : ` with ${effect.carrier}`}`;
    default:
      return unreachable(effect);
  }
}

/** A summary of the order, as Markdown. */
export function orderDetails(order: Order): string {
  const money = (amount: number) => formatMoney(amount, order.currency);
  const held = order.holds.map((hold) => ` · **held**: ${hold.reason}`).join('');
  const owed = order.owed.map(({ type }) => type).join(', ');
  return [
    `**${order.status}**${held} · version ${order.version}`,
    '',
    '| total | authorized | captured | refunded | payment | fulfillment |',
    '|---|---|---|---|---|---|',
    `| ${money(order.total)} | ${money(authorizedAmount(order))} | ${money(capturedAmount(order))} ` +
      `| ${money(refundedAmount(order))} | ${paymentStatus(order)} | ${fulfillmentStatus(order)} |`,
    ...(owed === '' ? [] : ['', `Under way: ${owed}`]),
  ].join('\n');
}
