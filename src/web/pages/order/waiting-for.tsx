import { effectSummary } from '../../../order/effects.js';
import { now } from '../../clock.js';
import { AttentionRows } from '../attention.js';
import { ago, countdown, words } from '../../format.js';
import type { Next, OrderNow } from '../../shapes.js';
import type { Step } from './steps.js';

interface WaitingForProps {
  readonly order: OrderNow;
  readonly last: Step | undefined;
  /** absent until it is read */
  readonly next: Next | undefined;
}

/** What the order waits for now: effects that it owes, and what needs an operator. */
export function WaitingFor({ order, last, next }: WaitingForProps) {
  const owed = last?.state.owed ?? [];
  const { attention = [] } = order;
  return (
    <section class="panel waits" id="waits" aria-label="What it waits for">
      <h2>What it waits for</h2>
      {owed.length === 0 && attention.length === 0 && <p class="quiet">{idleText(order)}</p>}
      {owed.length > 0 && (
        <ul class="rows">
          {owed.map((effect) => {
            const tried = next?.effects.find(({ key }) => key === effect.key);
            return (
              <li key={effect.key}>
                <span class="status busy">owed</span> <b>{effectSummary(effect)}</b>{' '}
                <span class="quiet">
                  {effect.since !== undefined && ago(effect.since, now.value)}
                  {tried !== undefined && triesOf(tried)}
                </span>
                {tried?.lastError !== undefined && <p class="problem">{tried.lastError}</p>}
              </li>
            );
          })}
        </ul>
      )}
      {attention.length > 0 && <AttentionRows rows={attention} ofOrder />}
    </section>
  );
}

/** `WaitingFor` in one line, with a link to the rest. */
export function WaitingForInShort({ order, last, next }: WaitingForProps) {
  const [effect, ...others] = last?.state.owed ?? [];
  const [row] = order.attention ?? [];
  const tried = next?.effects.find(({ key }) => key === effect?.key);
  return (
    <p class="waits-in-short">
      {row !== undefined && (
        <>
          <a class="status bad" href="#waits">
            needs an operator
          </a>{' '}
        </>
      )}
      {effect === undefined ? (
        row === undefined ? (
          idleText(order)
        ) : (
          words(row.code)
        )
      ) : (
        <>
          Owes <b>{effectSummary(effect)}</b>
          <span class="quiet">
            {tried !== undefined && triesOf(tried)}
            {others.length > 0 && ` and ${others.length} more`}
          </span>
        </>
      )}
    </p>
  );
}

function idleText({ allowedCommands, status, returns }: OrderNow): string {
  if (allowedCommands.length === 0) return 'Waits for nothing: the order is over.';
  if (status === 'pending') return 'Waits for an answer from outside.';
  if (returns.some((one) => one.status === 'requested')) return 'Waits for returned goods.';
  return status === 'confirmed'
    ? 'Waits for a command.'
    : 'Waits for nothing: only the return window keeps it open.';
}

function triesOf({ attempts, nextTryAt }: Next['effects'][number]): string {
  const tries = attempts === undefined ? '' : `, try ${attempts}`;
  const again = nextTryAt === undefined ? '' : `, again ${countdown(nextTryAt, now.value)}`;
  return tries + again;
}
