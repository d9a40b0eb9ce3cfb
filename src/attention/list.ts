import { ago } from '../log/time.js';
import { committedInTime } from '../mongodb/durability.js';
import { orders } from '../views/orders.js';
import { withAttempts } from './attempts.js';
import { commandsWaiting } from './sources/commands.js';
import { disabledEndpoints, failingSubscriptions, parkedDeliveries } from './sources/deliveries.js';
import { type OrderWithStop, ordersWith, rowsOf } from './sources/orders.js';
import type { AttentionCursor, SourceRow } from './cursor.js';
import type { AttentionDeps, Source } from './source.js';
import { type AttentionCode, attentionCodes, type AttentionRow } from './rows.js';
import { skusToBeCounted } from './sources/stock.js';
import { forkedEntities, stoppedEntities } from './sources/stopped.js';
import { untrackedParcels } from './sources/parcels.js';
import { oldestUndecidedOrder } from './sources/undecided.js';
import { parkedEventsOfViews } from './sources/parked-events.js';

/** Which part of the list is asked for. */
export interface AttentionQuery {
  readonly code?: AttentionCode;
  /** minimum age of a row, in ms */
  readonly olderThanMs?: number;
  readonly after?: AttentionCursor;
  readonly limit: number;
}

/**
 * Lists what needs an operator: code by code in the order of `attentionCodes`, the oldest row
 * first. Each code is read by indexed queries, one for each kind of entity or collection that it is
 * about. A query returns at most `limit` documents. Only the queries for failing subscriptions and
 * waiting commands have no limit: their rows are at most as many as endpoints and partitions.
 *
 * @returns `next` is the cursor of the next page; absent on the last page
 */
export async function listAttention(
  deps: AttentionDeps,
  { code, olderThanMs = 0, after, limit }: AttentionQuery,
): Promise<{ readonly rows: readonly AttentionRow[]; readonly next?: AttentionCursor }> {
  const query = {
    ...deps,
    before: ago(olderThanMs),
    overdueBefore: ago(Math.max(olderThanMs, deps.attentionAfterMs)),
  };
  const codes = attentionCodes.slice(after === undefined ? 0 : attentionCodes.indexOf(after.code));
  const found: SourceRow[] = [];
  for (const each of codes.filter((one) => code === undefined || one === code)) {
    const left = limit + 1 - found.length;
    if (left <= 0) break;
    const from = after?.code === each ? after : undefined;
    found.push(...(await sources[each]({ ...query, after: from, limit: left })));
  }
  const rows = await withAttempts(
    deps.client,
    found.slice(0, limit).map(({ row }) => row),
  );
  const last = found.length > limit ? found[limit - 1] : undefined;
  if (last === undefined) return { rows };
  return { rows, next: { code: last.row.code, since: last.row.since, id: last.id } };
}

/**
 * The rows of one order that follow from its view. Rows from other sources, such as parked events,
 * are only in the list.
 */
export async function attentionOf(deps: AttentionDeps, orderId: string): Promise<readonly AttentionRow[]> {
  const found = await orders(deps.db).findOne<OrderWithStop>(
    { _id: orderId },
    { ...committedInTime, projection: { _id: 0, state: 1, stopped: 1 } },
  );
  if (found === null) return [];
  return await withAttempts(deps.client, rowsOf(found, ago(deps.attentionAfterMs)));
}

const sources: Readonly<Record<AttentionCode, Source>> = {
  order_forked: forkedEntities,
  workflow_ended: (query) => stoppedEntities(query, 'workflow_ended'),
  workflow_rewound: (query) => stoppedEntities(query, 'workflow_rewound'),
  effect_owed: (query) =>
    ordersWith(query, 'effect_owed', 'owedSince', query.overdueBefore, { stopped: { $exists: false } }),
  payment_pending: (query) => ordersWith(query, 'payment_pending', 'pendingSince', query.overdueBefore),
  fact_unmatched: (query) => ordersWith(query, 'fact_unmatched', 'unmatchedSince', query.before),
  tracking_failing: untrackedParcels,
  order_undecided: oldestUndecidedOrder,
  event_parked: parkedEventsOfViews,
  delivery_parked: parkedDeliveries,
  endpoint_disabled: disabledEndpoints,
  subscription_failing: failingSubscriptions,
  command_waiting: commandsWaiting,
  stock_to_be_counted: skusToBeCounted,
};
