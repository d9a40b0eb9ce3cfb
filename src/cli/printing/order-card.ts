import { verbOf } from '../../api/commands/table.js';
import type { AttentionRow } from '../../attention/rows.js';
import { labelInShort, linesInShort } from '../../event-words.js';
import { formatMoney } from '../../order/money.js';
import type { OrderView } from '../../order/view.js';
import { attentionLines } from './attention-lines.js';
import { type Cell, type Column, table, untitled } from './table.js';
import { type Format, type Paint, visible } from './terminal.js';

type Rows = readonly (readonly Cell[])[];

/** An order as readable text: its state, its parts, what needs an operator, and its commands. */
export function orderCard(
  order: OrderView & { readonly attention?: readonly AttentionRow[] },
  paint: Paint,
): readonly string[] {
  const { shipments, returns, refunds, notes, attention = [] } = order;
  const money = (amount: number) => formatMoney(amount, order.currency);
  const section = sectionIn(paint);
  const rows = (title: string, cells: Rows) => section(title, untitled(cells, paint));
  const held = order.held ? paint('yellow', ` · held: ${visible(order.holdReason ?? '')}`) : '';
  return [
    `${paint('bold', `Order ${visible(order.orderId)}`)} · version ${order.version}`,
    `${paint(formatOfStatus(order.status), order.status)}${held}`,
    '',
    ...untitled(summaryOf(order, money), paint),
    ...section(
      'Lines',
      table(
        lineColumns,
        order.lines.map((line) => lineRow(line, money)),
        paint,
      ),
    ),
    ...rows(
      'Shipments',
      shipments.map((shipment) => shipmentRow(shipment, money)),
    ),
    ...rows('Returns', returns.map(returnRow)),
    ...rows(
      'Refunds',
      refunds.map((refund) => refundRow(refund, money)),
    ),
    ...rows(
      'Notes',
      notes.map(({ at, actor, text }) => [dim(at), actor, text]),
    ),
    ...section(
      'Needs attention',
      attention.flatMap((row) => attentionLines(row, paint)),
    ),
    ...rows('Commands', commandRows(order)),
  ];
}

/** Formats a part of a card under its title. A part without lines is left out. */
export function sectionIn(paint: Paint): (title: string, lines: readonly string[]) => readonly string[] {
  return (title, lines) =>
    lines.length === 0 ? [] : ['', paint('bold', title), ...lines.map((line) => `  ${line}`)];
}

type FormatMoney = (amount: number) => string;

function summaryOf(order: OrderView, money: FormatMoney): Rows {
  const { authorized, captured, refunded } = order;
  const payment = `authorized ${money(authorized)}, captured ${money(captured)}, refunded ${money(refunded)}`;
  const optional = (name: string, value: string | undefined): Rows =>
    value === undefined || value === '' ? [] : [[dim(name), value]];
  return [
    [dim('customer'), `${order.customer.name} (${order.customer.id})`],
    [dim('total'), `${money(order.total)}${partsOfTotal(order)}`],
    [dim('payment'), `${order.paymentStatus}: ${payment}`],
    [dim('fulfillment'), order.fulfillmentStatus],
    ...optional('ship to', order.shippingAddress && addressLine(order.shippingAddress)),
    ...optional('cancelled', order.cancelReason),
    ...optional('amendment', order.amendment && `being secured: ${money(order.amendment.total)}`),
    ...optional('tags', order.tags.join(', ')),
    [dim('created'), order.createdAt],
    [dim('updated'), order.updatedAt],
    ...optional('returns until', order.returnsUntil),
  ];
}

const lineColumns: readonly Column[] = [
  { title: 'SKU' },
  { title: 'NAME' },
  { title: 'QUANTITY', align: 'right' },
  { title: 'UNIT PRICE', align: 'right' },
  { title: 'CANCELLED', align: 'right' },
  { title: 'SHIPPED', align: 'right' },
  { title: 'DELIVERED', align: 'right' },
  { title: 'RETURNED', align: 'right' },
];

function lineRow(line: OrderView['lines'][number], money: FormatMoney): readonly Cell[] {
  const { quantity, cancelled, shipped, delivered, returned } = line;
  const counts = [cancelled, shipped, delivered, returned].map(String);
  return [line.sku, line.name ?? '', String(quantity), money(line.unitPrice), ...counts];
}

function shipmentRow(shipment: OrderView['shipments'][number], money: FormatMoney): readonly Cell[] {
  const {
    shipmentId,
    status,
    lines,
    label,
    carrier,
    trackingNumber,
    amount,
    charge = '',
    allowedCommands,
  } = shipment;
  const isSentBy = label?.status === 'booked' && label.trackingNumber === trackingNumber;
  const words = label === undefined || isSentBy ? undefined : labelInShort(label);
  const sentBy = [carrier, trackingNumber, words].filter((part) => part !== undefined).join(' ');
  const charged = amount === undefined ? '' : `${money(amount)} ${charge}`;
  return [shipmentId, status, linesInShort(lines), sentBy, charged, nextCommands(allowedCommands)];
}

function returnRow(entry: OrderView['returns'][number]): readonly Cell[] {
  const { returnId, status, lines, reason, allowedCommands } = entry;
  return [returnId, status, linesInShort(lines), reason, nextCommands(allowedCommands)];
}

function refundRow(refund: OrderView['refunds'][number], money: FormatMoney): readonly Cell[] {
  const { refundId, status, amount, reason, returnId = '' } = refund;
  return [refundId, status, money(amount), reason, returnId];
}

function commandRows({ allowedCommands, blockedCommands }: OrderView): Rows {
  return [
    ...allowedCommands.map((segment) => [{ text: verbOf(segment), format: 'green' } as const, 'allowed']),
    ...Object.entries(blockedCommands).map(([segment, reason]) => [dim(verbOf(segment)), reason]),
  ];
}

export function formatOfStatus(status: OrderView['status']): Format {
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

function nextCommands(commands: readonly string[]): Cell {
  return commands.length === 0 ? '' : dim(`next: ${commands.map(verbOf).join(', ')}`);
}

function partsOfTotal(order: OrderView): string {
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
