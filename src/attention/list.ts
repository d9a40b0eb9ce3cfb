import type { Client } from '@temporalio/client';
import type { Db, Filter, Sort } from 'mongodb';
import { answering } from '../log/journal/durability.js';
import { forks } from '../log/journal/fork.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { parkedEvents } from '../log/views/feeding/parked-events.js';
import { projections } from '../log/views/feeding/state.js';
import { type OrderDocument, orders } from '../views/orders.js';
import { withAttempts } from './attempts.js';
import { type AttentionCode, attentionCodes, type AttentionRow, type Concerned, rowsOf } from './rows.js';
import { oldestUndecided } from './undecided.js';

export interface AttentionDeps {
  readonly client: Client;
  readonly db: Db;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
  /** what is owed, or pending, for longer needs a person */
  readonly attentionAfterMs: number;
}

/** Where a row stands: after the last row of its code so far. */
export interface AttentionPlace {
  readonly code: AttentionCode;
  readonly since: string;
  readonly id: string;
}

export interface AttentionQuery {
  readonly code?: AttentionCode;
  /** rows that are not as old are left out */
  readonly olderThanMs?: number;
  readonly after?: AttentionPlace;
  readonly limit: number;
}

/** A row, and what tells it from others of its code that are as old. */
interface Found {
  readonly id: string;
  readonly row: AttentionRow;
}

interface Asked extends AttentionDeps {
  /** ISO-8601 UTC: since when, at the latest */
  readonly before: string;
  /** as `before`, for what may take its time first */
  readonly owedBy: string;
  readonly after: AttentionPlace | undefined;
  readonly limit: number;
}

/**
 * What needs a person, code by code, the oldest of each first. Each code is one query that its index answers, of `limit` documents
 * at most.
 */
export async function listAttention(
  deps: AttentionDeps,
  { code, olderThanMs = 0, after, limit }: AttentionQuery,
): Promise<{ readonly rows: readonly AttentionRow[]; readonly next?: AttentionPlace }> {
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
  const asked = {
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
    found.push(...(await sources[each]({ ...asked, after: from, limit: left })));
  }
  const rows = await withAttempts(
    deps.client,
    found.slice(0, limit).map(({ row }) => row),
  );
  const last = found.length > limit ? found[limit - 1] : undefined;
  if (last === undefined) return { rows };
  return { rows, next: { code: last.row.code, since: last.row.since, id: last.id } };
}

/** The rows of one order, as far as its view has them; the rest of what concerns it is in the list. */
export async function attentionOf(deps: AttentionDeps, orderId: string): Promise<readonly AttentionRow[]> {
  const found = await orders(deps.db).findOne<Concerned>(
    { _id: orderId },
    { ...answering, projection: { _id: 0, state: 1, stopped: 1 } },
  );
  if (found === null) return [];
  const owedBy = new Date(Date.now() - deps.attentionAfterMs).toISOString();
  return await withAttempts(deps.client, rowsOf(found, owedBy));
}

const sources: Readonly<Record<AttentionCode, (asked: Asked) => Promise<readonly Found[]>>> = {
  order_forked: forked,
  workflow_ended: (asked) => stopped(asked, 'workflow_ended'),
  workflow_rewound: (asked) => stopped(asked, 'workflow_rewound'),
  effect_owed: (asked) =>
    concerned(asked, 'effect_owed', 'owedSince', asked.owedBy, { stopped: { $exists: false } }),
  payment_pending: (asked) => concerned(asked, 'payment_pending', 'pendingSince', asked.owedBy),
  fact_unmatched: (asked) => concerned(asked, 'fact_unmatched', 'unmatchedSince', asked.before),
  order_undecided: undecided,
  event_parked: parked,
  stock_to_be_counted: toBeCounted,
};

/** Orders whose field `since` is as old. */
async function concerned(
  { db, after, limit }: Asked,
  code: AttentionCode,
  field: 'owedSince' | 'pendingSince' | 'unmatchedSince' | 'stopped.since',
  before: string,
  further: Filter<OrderDocument> = {},
): Promise<readonly Found[]> {
  const found = await orders(db)
    .find(beyond(field, before, after, further), answering)
    .sort({ [field]: 1, _id: 1 } satisfies Sort)
    .limit(limit)
    .project<Concerned & { readonly _id: string }>({ state: 1, stopped: 1 })
    .toArray();
  return found.flatMap(({ _id: id, ...order }) =>
    rowsOf(order, before)
      .filter((row) => row.code === code)
      .map((row) => ({ id, row })),
  );
}

async function stopped(asked: Asked, code: AttentionCode): Promise<readonly Found[]> {
  return await concerned(asked, code, 'stopped.since', asked.before, { 'stopped.code': code });
}

/** By the forks themselves, which are noted before the view knows of them. */
async function forked({ db, before, after, limit }: Asked): Promise<readonly Found[]> {
  const found = await forks(db)
    .find(beyond('detectedAt', before, after), answering)
    .sort({ detectedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: orderId, version, journal, workflow, detectedAt }) => ({
    id: orderId,
    row: {
      orderId,
      code: 'order_forked',
      since: detectedAt,
      detail: `the order is halted: version ${version} is ${journal} in the journal and ${workflow} in the workflow's history`,
      remedy: `npx orders verify ${orderId} shows both; npx orders resume ${orderId} goes on from the journal`,
    },
  }));
}

/** One row at most. With Temporal away, none is known. */
async function undecided({ client, db, orderTaskQueue, owedBy, after }: Asked): Promise<readonly Found[]> {
  if (after !== undefined) return [];
  try {
    const rows = await oldestUndecided({ client, db, orderTaskQueue }, owedBy);
    return rows.map((row) => ({ id: row.orderId ?? '', row }));
  } catch (error) {
    if (isTemporalOutage(error)) return [];
    throw error;
  }
}

/** The events that could not be applied, of the builds that are read; those that wait for them are not named. */
async function parked({ db, before, after, limit }: Asked): Promise<readonly Found[]> {
  const built = await projections(db)
    .find({ parked: { $gt: 0 } }, { ...answering, projection: { collection: 1 } })
    .toArray();
  if (built.length === 0) return [];
  const read = { status: 'parked' as const, collection: { $in: built.map(({ collection }) => collection) } };
  const found = await parkedEvents(db)
    .find(beyond('at', before, after, read), answering)
    .sort({ at: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: id, view, orderId, version, type, error, at }) => ({
    id,
    row: {
      orderId,
      code: 'event_parked',
      since: at,
      detail: `the view ${view} could not apply version ${version}, ${type}: ${error}`,
      remedy: `npx orders parked retry ${view} ${orderId}:${version} --reason "…", once the cause is mended`,
    },
  }));
}

/** A SKU of which less is left than is promised. */
interface StockToBeCounted {
  readonly _id: string;
  readonly toBeCounted?: true;
  /** ISO-8601 UTC */
  readonly updatedAt: string;
}

async function toBeCounted({ db, before, after, limit }: Asked): Promise<readonly Found[]> {
  const found = await db
    .collection<StockToBeCounted>('stock')
    .find(beyond('updatedAt', before, after, { toBeCounted: true }), answering)
    .sort({ updatedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: sku, updatedAt }) => ({
    id: sku,
    row: {
      code: 'stock_to_be_counted',
      since: updatedAt,
      detail: `of ${sku} less is left than is promised; its reservations wait`,
      remedy: `count it, then: npx orders stock set ${sku} <onHand>`,
    },
  }));
}

/** The indexes of what is listed here and looked for nowhere else. */
export async function ensureAttentionIndexes(db: Db): Promise<void> {
  await Promise.all([
    forks(db).createIndex({ detectedAt: 1, _id: 1 }),
    parkedEvents(db).createIndex({ status: 1, at: 1, _id: 1 }),
    db
      .collection<StockToBeCounted>('stock')
      .createIndex({ updatedAt: 1, _id: 1 }, { partialFilterExpression: { toBeCounted: true } }),
  ]);
}

/** Documents whose `field` is not later than `before`, after a place in the order of that field and the id. */
function beyond<D extends { readonly _id: string }>(
  field: string,
  before: string,
  after: AttentionPlace | undefined,
  further: object = {},
): Filter<D> {
  const place =
    after === undefined
      ? {}
      : { $or: [{ [field]: { $gt: after.since } }, { [field]: after.since, _id: { $gt: after.id } }] };
  const range = { [field]: { $gte: after?.since ?? '', $lte: before } };
  return { ...further, ...range, ...place } as Filter<D>;
}
