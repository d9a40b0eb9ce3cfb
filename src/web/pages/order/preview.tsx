import type { Preview } from '../../../api/commands/gateway/preview.js';
import { verbOf } from '../../../api/commands/table.js';
import type { OrderView } from '../../../order/view.js';
import { dayAndMinute, eventName, money, words } from '../../format.js';
import { summaryOf } from './events.js';

const amounts = ['authorized', 'captured', 'refunded'] as const;

/** What a command would do, in words. The timeline shows the same. */
export function PreviewedResult({
  preview,
  before,
}: {
  readonly preview: Preview;
  readonly before: OrderView;
}) {
  const { events, effects, money: sums, deadlines, order } = preview;
  const { currency } = before;
  const moved = amounts.filter((name) => sums.before[name] !== sums.after[name]);
  const gained = order.allowedCommands.filter((name) => !before.allowedCommands.includes(name));
  const lost = before.allowedCommands.filter((name) => !order.allowedCommands.includes(name));
  return (
    <div class="would" aria-live="polite">
      <p class="label">It would</p>
      <ul>
        {events.map((event) => (
          <li key={event.version}>
            <b>{eventName(event.type)}</b> {summaryOf(event, currency)}
          </li>
        ))}
        {events.length === 0 && <li>change nothing</li>}
        {effects.map(({ key, summary }) => (
          <li key={key}>
            then <b>{summary}</b>
          </li>
        ))}
        {moved.map((name) => (
          <li key={name}>
            {name} {money(sums.before[name], currency)} → {money(sums.after[name], currency)}
          </li>
        ))}
        {deadlines.map(({ what, at }) => (
          <li key={what} class="quiet">
            {words(what)}: {dayAndMinute(at)}
          </li>
        ))}
        {gained.length > 0 && <li class="quiet">then allowed: {gained.map(verbOf).join(', ')}</li>}
        {lost.length > 0 && <li class="quiet">no longer allowed: {lost.map(verbOf).join(', ')}</li>}
      </ul>
    </div>
  );
}
