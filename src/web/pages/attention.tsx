import { useLocation } from 'preact-iso';
import { withQuery } from '../api.js';
import { now } from '../clock.js';
import { countdown, withTimes, words } from '../format.js';
import { Copyable } from '../parts/copyable.js';
import { Empty, Shown } from '../parts/states.js';
import { Ago } from '../parts/time.js';
import { useTitle } from '../parts/title.js';
import { useResource } from '../resource.js';
import type { AttentionRow, Page } from '../shapes.js';

const LOOK_EVERY_MS = 5_000;

/**
 * The page of everything that needs an operator, the most serious first, with what to do about
 * each.
 */
export function AttentionPage() {
  useTitle('Attention');
  const { query } = useLocation();
  const { code, cursor } = query;
  const found = useResource<Page<AttentionRow>>(
    withQuery('/v1/attention', { code, cursor, limit: 100 }),
    LOOK_EVERY_MS,
  );
  return (
    <section class="reading">
      <h1>What needs an operator</h1>
      <Shown of={found.state.value}>
        {({ data, nextCursor }) =>
          data.length === 0 ? (
            <Empty title="Nothing needs an operator">
              <p>
                Effects that have been owed too long, halted orders and parked events are listed here by
                themselves.
              </p>
            </Empty>
          ) : (
            <>
              {code !== undefined && (
                <p>
                  Only <b>{words(code)}</b>. <a href="/attention">All</a>
                </p>
              )}
              <AttentionRows rows={data} />
              {nextCursor !== undefined && (
                <p>
                  <a href={withQuery('/attention', { code, cursor: nextCursor })}>Next page</a>
                </p>
              )}
            </>
          )
        }
      </Shown>
    </section>
  );
}

/** Rows of the attention list. On the page of an order, they leave out its id. */
export function AttentionRows({
  rows,
  ofOrder = false,
}: {
  readonly rows: readonly AttentionRow[];
  readonly ofOrder?: boolean;
}) {
  return (
    <ul class="attention">
      {rows.map((row) => (
        <li key={`${row.orderId}${row.code}${row.since}`}>
          <header>
            <a class="status bad" href={withQuery('/attention', { code: row.code })}>
              {words(row.code)}
            </a>
            {!ofOrder && row.orderId !== undefined && (
              <a href={`/orders/${encodeURIComponent(row.orderId)}`}>{row.orderId}</a>
            )}
            <span class="quiet">
              since <Ago at={row.since} />
              {row.attempts !== undefined && `, attempt ${row.attempts}`}
              {row.nextTryAt !== undefined && `, again ${countdown(row.nextTryAt, now.value)}`}
            </span>
          </header>
          <p>{withTimes(row.detail)}</p>
          <Remedy text={row.remedy} />
        </li>
      ))}
    </ul>
  );
}

/** What to do; a command line in it can be copied. */
function Remedy({ text }: { readonly text: string }) {
  const [line] = /npx orders [^;:]*$/.exec(text) ?? [];
  return (
    <>
      <p class="remedy">{line === undefined ? text : text.slice(0, -line.length)}</p>
      {line !== undefined && <Copyable text={line} />}
    </>
  );
}
