import { effectSummary } from '../../order/web-ui.js';
import { now } from '../clock.js';
import { AttentionRows } from '../attention.js';
import { ago, duration } from '../format.js';
import type { OrderNow } from '../shapes.js';
import type { Step } from './story.js';

/** What the order waits for now: effects that it owes, and what needs a person. */
export function Waits({ order, last }: { readonly order: OrderNow; readonly last: Step | undefined }) {
  const owed = last?.state.owed ?? [];
  const { attention = [] } = order;
  return (
    <section class="panel waits" aria-label="What it waits for">
      <h2>Waits for</h2>
      {owed.length === 0 && attention.length === 0 && <p class="quiet">{idle(order)}</p>}
      {owed.length > 0 && (
        <ul class="rows">
          {owed.map((effect) => (
            <li key={effect.key}>
              <span class="status busy">owed</span> <b>{effectSummary(effect)}</b>{' '}
              <span class="quiet">
                {effect.since !== undefined && ago(effect.since, now.value)} {triesOf(order)}
              </span>
            </li>
          ))}
        </ul>
      )}
      {attention.length > 0 && <AttentionRows rows={attention} ofOrder />}
    </section>
  );
}

function idle({ allowedCommands, status }: OrderNow): string {
  if (allowedCommands.length === 0) return 'Nothing: the order is over.';
  if (status === 'pending') return 'An answer from outside.';
  return status === 'confirmed' ? 'A command.' : 'Nothing: only the return window keeps it open.';
}

function triesOf({ attention = [] }: OrderNow): string {
  const tried = attention.find(({ attempts }) => attempts !== undefined);
  if (tried === undefined) return '';
  const again =
    tried.nextTryAt === undefined ? '' : `, again in ${duration(Date.parse(tried.nextTryAt) - now.value)}`;
  return `tried ${tried.attempts} times${again}`;
}
