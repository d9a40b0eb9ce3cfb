import type { AttentionRow } from '../attention/rows.js';
import { formatMoney } from '../order/money.js';
import type { OrderView } from '../order/view.js';
import { rowLines } from './attention.js';
import { linesInShort } from '../event-words.js';
import { verbOf } from './failure.js';
import { type Cell, type Format, type Paint, table, untitled, visible } from './terminal.js';

/** An order as readable text: its state, its events, and the commands that it allows. */
export function orderCard(
  order: OrderView & { readonly attention?: readonly AttentionRow[] },
  paint: Paint,
): readonly string[] {
  const money = (amount: number) => formatMoney(amount, order.currency);
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', paint('bold', title), ...lines.map((line) => `  ${line}`)];
  const plain = (rows: readonly (readonly Cell[])[]) => untitled(rows, paint);
  const held = order.held ? paint('yellow', ` · held: ${visible(order.holdReason ?? '')}`) : '';
  return [
    `${paint('bold', `Order ${visible(order.orderId)}`)} · version ${order.version}`,
    `${paint(formatOf(order.status), order.status)}${held}`,
    '',
    ...plain([
      [dim('customer'), `${order.customer.name} (${order.customer.id})`],
      [dim('total'), `${money(order.total)}${extras(order)}`],
      [
        dim('payment'),
        `${order.paymentStatus}: authorized ${money(order.authorized)}, captured ${money(order.captured)}, refunded ${money(order.refunded)}`,
      ],
      [dim('fulfillment'), order.fulfillmentStatus],
      ...(order.shippingAddress === undefined ? [] : [[dim('ship to'), addressLine(order.shippingAddress)]]),
      ...(order.cancelReason === undefined ? [] : [[dim('cancelled'), order.cancelReason]]),
      ...(order.amendment === undefined
        ? []
        : [[dim('amendment'), `being secured: ${money(order.amendment.total)}`]]),
      ...(order.tags.length === 0 ? [] : [[dim('tags'), order.tags.join(', ')]]),
      [dim('created'), order.createdAt],
      [dim('updated'), order.updatedAt],
      ...(order.returnsUntil === undefined ? [] : [[dim('returns until'), order.returnsUntil]]),
    ]),
    ...section(
      'Lines',
      table(
        [
          { title: 'SKU' },
          { title: 'NAME' },
          { title: 'QUANTITY', align: 'right' },
          { title: 'UNIT PRICE', align: 'right' },
          { title: 'CANCELLED', align: 'right' },
          { title: 'SHIPPED', align: 'right' },
          { title: 'DELIVERED', align: 'right' },
          { title: 'RETURNED', align: 'right' },
        ],
        order.lines.map((line) => [
          line.sku,
          line.name ?? '',
          String(line.quantity),
          money(line.unitPrice),
          String(line.cancelled),
          String(line.shipped),
          String(line.delivered),
          String(line.returned),
        ]),
        paint,
      ),
    ),
    ...section(
      'Shipments',
      plain(
        order.shipments.map((shipment) => [
          shipment.shipmentId,
          shipment.status,
          linesInShort(shipment.lines),
          [shipment.carrier, shipment.trackingNumber].filter((part) => part !== undefined).join(' '),
          shipment.amount === undefined ? '' : `${money(shipment.amount)} ${shipment.charge ?? ''}`,
          next(shipment.allowedCommands),
        ]),
      ),
    ),
    ...section(
      'Returns',
      plain(
        order.returns.map((entry) => [
          entry.returnId,
          entry.status,
          linesInShort(entry.lines),
          entry.reason,
          next(entry.allowedCommands),
        ]),
      ),
    ),
    ...section(
      'Refunds',
      plain(
        order.refunds.map((refund) => [
          refund.refundId,
          refund.status,
          money(refund.amount),
          refund.reason,
          refund.returnId ?? '',
        ]),
      ),
    ),
    ...section('Notes', plain(order.notes.map((note) => [dim(note.at), note.actor, note.text]))),
    ...section(
      'Needs attention',
      (order.attention ?? []).flatMap((row) => rowLines(row, paint)),
    ),
    ...section(
      'Commands',
      plain([
        ...order.allowedCommands.map((segment): Cell[] => [
          { text: verbOf(segment), format: 'green' },
          'allowed',
        ]),
        ...Object.entries(order.blockedCommands).map(([segment, reason]) => [dim(verbOf(segment)), reason]),
      ]),
    ),
  ];
}

export function formatOf(status: OrderView['status']): Format {
  switch (status) {
    case 'pending':
      return 'cyan';
    case 'confirmed':
    case 'completed':
      return 'green';
    case 'cancelled':
    case 'expired':
      return 'yellow';
    case 'rejected':
      return 'red';
    default:
      return status satisfies never;
  }
}

function dim(text: string): Cell {
  return { text, format: 'dim' };
}

function next(commands: readonly string[]): Cell {
  return commands.length === 0 ? '' : dim(`next: ${commands.map(verbOf).join(', ')}`);
}

function extras(order: OrderView): string {
  const parts = [
    ['shipping fee', order.shippingFee],
    ['tax', order.tax],
    ['discount', order.discount],
  ] as const;
  const given = parts.filter(([, amount]) => amount > 0);
  if (given.length === 0) return '';
  return ` (with ${given.map(([name, amount]) => `${name} ${formatMoney(amount, order.currency)}`).join(', ')})`;
}

function addressLine({
  name,
  street,
  postalCode,
  city,
  region,
  country,
}: NonNullable<OrderView['shippingAddress']>): string {
  const place = [postalCode, city].filter((part) => part !== undefined).join(' ');
  return [name, street, place, region, country].filter((part) => part !== undefined).join(', ');
}
