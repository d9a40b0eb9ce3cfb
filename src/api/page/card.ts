import { formatMoney } from '../../order/money.js';
import type { OrderView } from '../../order/view.js';
import { escapeHtml } from '../html.js';

/** The last state of an order as HTML, for a browser without JavaScript. */
export function orderCard(order: OrderView): string {
  const money = (amount: number) => formatMoney(amount, order.currency);
  const facts = [
    ['Status', order.held ? `${order.status}, held: ${order.holdReason ?? ''}` : order.status],
    ['Customer', `${order.customer.name} (${order.customer.id})`],
    ['Total', money(order.total)],
    [
      'Payment',
      `${order.paymentStatus}: ${money(order.captured)} captured, ${money(order.refunded)} refunded`,
    ],
    ['Fulfilment', order.fulfillmentStatus],
    ['Version', `${order.version}, ${order.updatedAt}`],
  ];
  const lines = order.lines.map((line) => [
    line.sku,
    line.name ?? '',
    money(line.unitPrice),
    line.quantity,
    line.shipped,
    line.delivered,
    line.returned,
  ]);
  const head = ['SKU', 'Name', 'Price', 'Ordered', 'Shipped', 'Delivered', 'Returned'];
  return [
    `<article class="card"><h1>Order ${escapeHtml(order.orderId)}</h1><dl>`,
    ...facts.map(([name = '', value = '']) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`),
    `</dl><table><thead><tr>${head.map((name) => `<th>${name}</th>`).join('')}</tr></thead><tbody>`,
    ...lines.map(
      (cells) => `<tr>${cells.map((cell) => `<td>${escapeHtml(String(cell))}</td>`).join('')}</tr>`,
    ),
    '</tbody></table></article>',
  ].join('\n');
}
