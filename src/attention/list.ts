import type { Db } from 'mongodb';
import { subscriptionRows } from '../delivery/webhooks/rows.js';
import { trackingRows } from '../effects/carriers/tracking-rows.js';
import { stock } from '../effects/inventory/stock.js';
import { ago } from '../log/feed/lag.js';
import { forks } from '../log/journal/fork.js';
import { parkedEvents } from '../log/views/feeding/parked-events.js';
import { logs } from '../logs.js';
import { answering } from '../mongodb/durability.js';
import { orders } from '../views/orders.js';
import { withAttempts } from './attempts.js';
import { disabled, failing, undelivered, waitingInKafka } from './delivery-rows.js';
import { type Concerned, ordersWith, rowsOf } from './order-rows.js';
import type { AttentionDeps, AttentionPlace, Found, SourceQuery } from './paging.js';
import { type AttentionCode, attentionCodes, type AttentionRow } from './rows.js';
import { toBeCounted } from './stock-rows.js';
import { forked, stopped } from './stopped-rows.js';
import { untracked } from './tracking-rows.js';
import { undecided } from './undecided.js';
import { parked } from './view-rows.js';

/** Which part of the list is asked for. */
export interface AttentionQuery {
  readonly code?: AttentionCode;
  /** minimum age of a row, in ms */
  readonly olderThanMs?: number;
  readonly after?: AttentionPlace;
  readonly limit: number;
}

/**
 * Lists what needs a person: code by code in the order of `attentionCodes`, the oldest row first.
 * Each code takes one indexed query of at most `limit` documents.
 *
 * @returns `next` is the cursor of the next page; absent on the last page
 */
export async function listAttention(
  deps: AttentionDeps,
  { code, olderThanMs = 0, after, limit }: AttentionQuery,
): Promise<{ readonly rows: readonly AttentionRow[]; readonly next?: AttentionPlace }> {
  const query = {
    ...deps,
    before: ago(olderThanMs),
    owedBy: ago(Math.max(olderThanMs, deps.attentionAfterMs)),
  };
  const codes = attentionCodes.slice(after === undefined ? 0 : attentionCodes.indexOf(after.code));
  const found: Found[] = [];
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
  const found = await orders(deps.db).findOne<Concerned>(
    { _id: orderId },
    { ...answering, projection: { _id: 0, state: 1, stopped: 1 } },
  );
  if (found === null) return [];
  return await withAttempts(deps.client, rowsOf(found, ago(deps.attentionAfterMs)));
}

const sources: Readonly<Record<AttentionCode, (query: SourceQuery) => Promise<readonly Found[]>>> = {
  order_forked: forked,
  workflow_ended: (query) => stopped(query, 'workflow_ended'),
  workflow_rewound: (query) => stopped(query, 'workflow_rewound'),
  effect_owed: (query) =>
    ordersWith(query, 'effect_owed', 'owedSince', query.owedBy, { stopped: { $exists: false } }),
  payment_pending: (query) => ordersWith(query, 'payment_pending', 'pendingSince', query.owedBy),
  fact_unmatched: (query) => ordersWith(query, 'fact_unmatched', 'unmatchedSince', query.before),
  tracking_failing: untracked,
  order_undecided: undecided,
  event_parked: parked,
  delivery_parked: undelivered,
  endpoint_disabled: disabled,
  subscription_failing: failing,
  command_waiting: waitingInKafka,
  stock_to_be_counted: toBeCounted,
};

/** Creates the indexes that only these queries need. */
export async function ensureAttentionIndexes(db: Db): Promise<void> {
  await Promise.all([
    ...logs.map((log) => forks(log, db).createIndex({ detectedAt: 1, _id: 1 })),
    parkedEvents(db).createIndex({ status: 1, at: 1, _id: 1 }),
    subscriptionRows(db).createIndex(
      { 'health.failingSince': 1, _id: 1 },
      { partialFilterExpression: { 'health.failingSince': { $exists: true } } },
    ),
    trackingRows(db).createIndex(
      { failingSince: 1, _id: 1 },
      { partialFilterExpression: { failingSince: { $exists: true } } },
    ),
    stock(db).createIndex({ updatedAt: 1, _id: 1 }, { partialFilterExpression: { toBeCounted: true } }),
  ]);
}
