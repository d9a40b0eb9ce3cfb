import { formatMoney } from './money.js';
import type { Order } from './order.js';
import {
  authorizedAmount,
  capturedAmount,
  fulfillmentStatus,
  paymentStatus,
  refundedAmount,
} from './view.js';

/** A summary of the order, as Markdown, for its workflow's details in Temporal's Web UI. */
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
