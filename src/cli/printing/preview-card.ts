import type { Money, Preview } from '../../api/commands/gateway/preview.js';
import { verbOf } from '../../api/commands/table.js';
import { formatMoney } from '../../order/money.js';
import { eventColumns, eventRow } from './event-rows.js';
import { formatOfStatus, sectionIn } from './order-card.js';
import { table, untitled } from './table.js';
import { type Paint, visible } from './terminal.js';

const amounts = ['total', 'authorized', 'captured', 'refunded'] as const satisfies (keyof Money)[];

/** A preview as readable text. */
export function previewCard(preview: Preview, paint: Paint): readonly string[] {
  const { orderId, version, events, effects, money, deadlines, order } = preview;
  const { before, after } = money;
  const worth = (amount: number) => formatMoney(amount, order.currency);
  const section = sectionIn(paint);
  const then = paint(formatOfStatus(order.status), order.status);
  return [
    `${paint('bold', `Order ${visible(orderId)}`)} · ${version === 0 ? 'new' : `version ${version}`} · nothing was sent`,
    events.length === 0
      ? 'the command would change nothing'
      : `would be ${then} at version ${order.version}${order.held ? paint('yellow', ' · held') : ''}`,
    ...section(
      'Events',
      events.length === 0
        ? []
        : table(
            eventColumns,
            events.map((event) => eventRow(event, order.currency)),
            paint,
          ),
    ),
    ...section(
      'Effects',
      effects.map(({ summary }) => visible(summary)),
    ),
    ...section(
      'Money',
      table(
        [{ title: '' }, { title: 'NOW', align: 'right' }, { title: 'THEN', align: 'right' }],
        [
          ...amounts.map((name) => [name, worth(before[name]), worth(after[name])]),
          ['payment', before.paymentStatus, after.paymentStatus],
        ],
        paint,
      ),
    ),
    ...section(
      'Deadlines',
      untitled(
        deadlines.map(({ what, at }) => [what, at]),
        paint,
      ),
    ),
    ...section('Commands', [order.allowedCommands.map(verbOf).join(', ')]),
  ];
}
