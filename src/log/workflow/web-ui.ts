import type { Effect } from '../../order/effects.js';
import type { StoredEvent } from '../../order/events.js';
import { formatMoney } from '../../order/money.js';
import type { Order } from '../../order/order.js';
import {
  authorizedAmount,
  capturedAmount,
  fulfillmentStatus,
  paymentStatus,
  refundedAmount,
} from '../../order/view.js';
import type { Halt } from './messages.js';

/** One line for an activity's row in the Web UI: `v2 StockReserved → authorize EUR 39.98`. At most 200 characters. */
export function stepSummary(events: readonly StoredEvent[], effect: Effect | undefined): string {
  const recorded = events.map(({ version, type }) => `v${version} ${type}`).join(', ');
  const done = effect === undefined ? '' : `→ ${effectSummary(effect)}`;
  const summary = `${recorded} ${done}`.trim();
  return summary.length <= 200 ? summary : `${summary.slice(0, 199)}…`;
}

function effectSummary(effect: Effect): string {
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
    default:
      return effect satisfies never;
  }
}

/** The order at a glance, as the Markdown of the workflow's current details. */
export function details(order: Order, halted: Halt | undefined): string {
  const money = (amount: number) => formatMoney(amount, order.currency);
  const held = order.holds.map((hold) => ` · **held**: ${hold.reason}`).join('');
  const owed = order.owed.map(({ type }) => type).join(', ');
  return [
    ...(halted === undefined ? [] : [`**Halted: ${halted.message}**`, '']),
    `**${order.status}**${held} · version ${order.version}`,
    '',
    '| total | authorized | captured | refunded | payment | fulfillment |',
    '|---|---|---|---|---|---|',
    `| ${money(order.total)} | ${money(authorizedAmount(order))} | ${money(capturedAmount(order))} ` +
      `| ${money(refundedAmount(order))} | ${paymentStatus(order)} | ${fulfillmentStatus(order)} |`,
    ...(owed === '' ? [] : ['', `Under way: ${owed}`]),
  ].join('\n');
}
