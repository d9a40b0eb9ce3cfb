import type { Client } from '@temporalio/client';
import type { Db, Filter, Sort } from 'mongodb';
import type { State } from '../log/entity.js';
import { answering } from '../mongodb/durability.js';
import { type AnyLog, type StateDocument, stateViews } from '../log/journal/entity-log.js';
import { type TrackingRow, trackingRows } from '../effects/carriers/tracking.js';
import { endpointViews, isEnabled } from '../delivery/endpoints.js';
import { waitingCommands } from '../delivery/kafka/command-rows.js';
import { kafkaRows } from '../delivery/kafka/publishing-progress.js';
import type { KafkaTopics } from '../delivery/kafka/settings.js';
import { subscriptionRows, waitingRows } from '../delivery/rows.js';
import { byRequest } from '../endpoint/settings.js';
import { forks } from '../log/journal/fork.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { parkedEvents } from '../log/views/feeding/parked-events.js';
import { viewBuilds } from '../log/views/feeding/view-builds.js';
import { type OrderDocument, orders } from '../views/orders.js';
import { withAttempts } from './attempts.js';
import { type AttentionCode, attentionCodes, type AttentionRow } from './attention-row.js';
import { type Concerned, rowsOf } from './rows.js';
import { oldestUndecided } from './undecided.js';
import { logs } from '../logs.js';
import { orderLog } from '../order-log.js';

export interface AttentionDeps {
  readonly client: Client;
  readonly db: Db;
  /** task queue of the order workflows */
  readonly orderTaskQueue: string;
  /** age, in ms, from which an owed effect or a pending payment is listed */
  readonly attentionAfterMs: number;
  /** undefined without Kafka */
  readonly kafka?: KafkaTopics | undefined;
}

/** Cursor of the list: the sort key of the last row that was returned. */
export interface AttentionPlace {
  readonly code: AttentionCode;
  readonly since: string;
  readonly id: string;
}

export interface AttentionQuery {
  readonly code?: AttentionCode;
  /** minimum age of a row, in ms */
  readonly olderThanMs?: number;
  readonly after?: AttentionPlace;
  readonly limit: number;
}

/** A row, and the id that orders rows with the same code and time. */
interface Found {
  readonly id: string;
  readonly row: AttentionRow;
}

interface SourceQuery extends AttentionDeps {
  /** ISO-8601 UTC; rows with a later `since` are left out */
  readonly before: string;
  /** like `before`, for rows that are listed only after `attentionAfterMs` */
  readonly owedBy: string;
  readonly after: AttentionPlace | undefined;
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
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
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
  const owedBy = new Date(Date.now() - deps.attentionAfterMs).toISOString();
  return await withAttempts(deps.client, rowsOf(found, owedBy));
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

/** Orders whose time in `field` is not later than `before`. */
async function ordersWith(
  { db, after, limit }: SourceQuery,
  code: AttentionCode,
  field: 'owedSince' | 'pendingSince' | 'unmatchedSince',
  before: string,
  further: Filter<OrderDocument> = {},
): Promise<readonly Found[]> {
  const found = await orders(db)
    .find(pageFilter(field, before, after, further), answering)
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

async function stopped(query: SourceQuery, code: AttentionCode): Promise<readonly Found[]> {
  const { db, before, after, limit } = query;
  return await ofEveryLog(limit, async (log) => {
    const found = await stateViews(log, db)
      .find(pageFilter('stopped.since', before, after, { 'stopped.code': code }), answering)
      .sort({ 'stopped.since': 1, _id: 1 })
      .limit(limit)
      .project<Pick<StateDocument<State>, '_id' | 'stopped'>>({ stopped: 1 })
      .toArray();
    return found.flatMap(({ _id: id, stopped: why }) =>
      why === undefined
        ? []
        : [{ id, row: { ...about(log, id, why.detail), since: why.since, remedy: why.remedy, code } }],
    );
  });
}

/** Reads `<entity>_forks`, which is written before the view is marked. */
async function forked({ db, before, after, limit }: SourceQuery): Promise<readonly Found[]> {
  return await ofEveryLog(limit, async (log) => {
    const found = await forks(log, db)
      .find(pageFilter('detectedAt', before, after), answering)
      .sort({ detectedAt: 1, _id: 1 })
      .limit(limit)
      .toArray();
    return found.map(({ _id: id, version, journal, workflow, detectedAt }) => ({
      id,
      row: {
        ...about(
          log,
          id,
          `the ${log.entity.name} is halted: version ${version} is ${journal} in the journal and ${workflow} in the workflow's history`,
        ),
        code: 'order_forked',
        since: detectedAt,
        remedy: `${log.commands.verify(id)} shows both; ${log.commands.resume(id)} continues from the journal`,
      },
    }));
  });
}

/** The oldest `limit` rows of all kinds of entities. */
async function ofEveryLog(
  limit: number,
  rowsIn: (log: AnyLog) => Promise<readonly Found[]>,
): Promise<readonly Found[]> {
  return oldest((await Promise.all(logs.map(rowsIn))).flat(), limit);
}

function oldest(found: readonly Found[], limit: number): readonly Found[] {
  return found.toSorted((one, other) => (placeOf(one) < placeOf(other) ? -1 : 1)).slice(0, limit);
}

function placeOf({ id, row }: Found): string {
  return `${row.since} ${id}`;
}

/** Identifies the entity: an order by its id, any other in the detail. */
function about(log: AnyLog, id: string, detail: string): Pick<AttentionRow, 'orderId' | 'detail'> {
  const { name } = log.entity;
  return name === orderLog.entity.name ? { orderId: id, detail } : { detail: `${name} ${id}: ${detail}` };
}

/** The oldest order that no worker has decided yet. Empty while Temporal is unavailable. */
async function undecided({
  client,
  db,
  orderTaskQueue,
  owedBy,
  after,
}: SourceQuery): Promise<readonly Found[]> {
  if (after !== undefined) return [];
  try {
    const rows = await oldestUndecided({ client, db, orderTaskQueue }, owedBy);
    return rows.map((row) => ({ id: row.orderId ?? '', row }));
  } catch (error) {
    if (isTemporalOutage(error)) return [];
    throw error;
  }
}

/**
 * Events that a view in use could not apply. Later events of the same order wait for them and are
 * not listed.
 */
async function parked({ db, before, after, limit }: SourceQuery): Promise<readonly Found[]> {
  const built = await viewBuilds(db)
    .find({ parked: { $gt: 0 } }, { ...answering, projection: { collection: 1 } })
    .toArray();
  if (built.length === 0) return [];
  const read = { status: 'parked' as const, collection: { $in: built.map(({ collection }) => collection) } };
  const found = await parkedEvents(db)
    .find(pageFilter('at', before, after, read), answering)
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
      remedy: `npx orders parked retry ${view} ${orderId}:${version} --reason "…", once the cause is fixed`,
    },
  }));
}

/** Events that a webhook endpoint has refused for three days. */
async function undelivered({ db, before, after, limit }: SourceQuery): Promise<readonly Found[]> {
  const found = await waitingRows(db)
    .find(pageFilter('parkedAt', before, after), answering)
    .sort({ parkedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: id, endpointId, orderId, version, type, attempts, failure, parkedAt }) => ({
    id,
    row: {
      orderId,
      code: 'delivery_parked',
      since: parkedAt ?? '',
      detail: `the webhook endpoint ${endpointId} did not take version ${version}, ${type}, in ${attempts} attempts: ${failure ?? ''}; later events of the order wait`,
      remedy: `npx orders webhooks retry ${endpointId} ${orderId}:${version}, once the receiver takes it`,
    },
  }));
}

/** Endpoints that no person has disabled. */
async function disabled({ db, before, after, limit }: SourceQuery): Promise<readonly Found[]> {
  const given = { finished: false, status: 'disabled', disabledBecause: { $ne: byRequest } };
  const found = await endpointViews(db)
    .find(pageFilter('updatedAt', before, after, given), answering)
    .sort({ updatedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: id, state: { url, updatedAt, disabledBecause = '' } }) => ({
    id,
    row: {
      code: 'endpoint_disabled',
      since: updatedAt,
      detail: `nothing is delivered to the webhook endpoint ${id}, ${url}: ${disabledBecause}`,
      remedy: `npx orders webhooks enable ${id}, once the receiver takes events; or npx orders webhooks delete ${id}`,
    },
  }));
}

/** Endpoints, and the topic of Kafka, to which nothing could be delivered for too long. */
async function failing({ db, kafka, owedBy, after, limit }: SourceQuery): Promise<readonly Found[]> {
  const [topics, endpoints] = await Promise.all([
    kafka === undefined
      ? []
      : kafkaRows(db)
          .find(pageFilter('health.failingSince', owedBy, after, { _id: kafka.topic }), answering)
          .toArray(),
    subscriptionRows(db)
      .find(pageFilter('health.failingSince', owedBy, after), answering)
      .sort({ 'health.failingSince': 1, _id: 1 })
      .toArray(),
  ]);
  const enabled = new Set(await endpointViews(db).distinct('_id', isEnabled, answering));
  const ofTopics = topics.map(({ _id: id, health: { failingSince = '', failure = '' } }): Found => {
    const detail = `nothing is published in the topic ${id} of Kafka: ${failure}`;
    const remedy = 'it is retried automatically; npx orders subscriptions shows how far it has come';
    return { id, row: { code: 'subscription_failing', since: failingSince, detail, remedy } };
  });
  const ofEndpoints = endpoints
    .filter(({ _id }) => enabled.has(_id))
    .map(({ _id: id, health: { failingSince = '', failures } }): Found => {
      const detail = `the webhook endpoint ${id} has refused ${failures} attempts in a row`;
      const remedy = `it is retried automatically; npx orders webhooks deliveries ${id} shows its answers`;
      return { id, row: { code: 'subscription_failing', since: failingSince, detail, remedy } };
    });
  return oldest([...ofTopics, ...ofEndpoints], limit);
}

/** Commands of Kafka for which there is no answer for too long. Later ones of their orders wait. */
async function waitingInKafka({ db, kafka, owedBy, after, limit }: SourceQuery): Promise<readonly Found[]> {
  if (kafka === undefined) return [];
  const found = (await waitingCommands(db, kafka.commandsTopic)).map(({ record, since, why }): Found => {
    const detail = `the command ${record} of Kafka waits, and later ones with its key: ${why}`;
    const remedy = 'it is retried automatically; GET /health/ready shows what is down';
    return { id: record, row: { code: 'command_waiting', since, detail, remedy } };
  });
  const from = after === undefined ? '' : `${after.since} ${after.id}`;
  return oldest(
    found.filter((one) => one.row.since <= owedBy && placeOf(one) > from),
    limit,
  );
}

/** A SKU with fewer units on hand than are reserved. */
interface StockToBeCounted {
  readonly _id: string;
  readonly toBeCounted?: true;
  /** ISO-8601 UTC */
  readonly updatedAt: string;
}

async function toBeCounted({ db, before, after, limit }: SourceQuery): Promise<readonly Found[]> {
  const found = await db
    .collection<StockToBeCounted>('stock')
    .find(pageFilter('updatedAt', before, after, { toBeCounted: true }), answering)
    .sort({ updatedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: sku, updatedAt }) => ({
    id: sku,
    row: {
      code: 'stock_to_be_counted',
      since: updatedAt,
      detail: `more of ${sku} is reserved than is on hand; new reservations wait`,
      remedy: `count it, then: npx orders stock set ${sku} <onHand>`,
    },
  }));
}

/** Parcels that are on their way, and about which a carrier has failed to answer for too long. */
async function untracked({ db, owedBy, after, limit }: SourceQuery): Promise<readonly Found[]> {
  const found = await trackingRows(db)
    .aggregate<TrackingRow>(
      [
        { $match: pageFilter<TrackingRow>('failingSince', owedBy, after) },
        { $sort: { failingSince: 1, _id: 1 } },
        // The carrier's webhook may have reported the delivery since.
        {
          $lookup: {
            from: orders(db).collectionName,
            let: { orderId: '$orderId', shipmentId: '$shipmentId' },
            pipeline: [
              { $match: { $expr: { $eq: ['$_id', '$$orderId'] } } },
              { $unwind: '$shipments' },
              { $match: { $expr: { $eq: ['$shipments.shipmentId', '$$shipmentId'] } } },
              { $match: { 'shipments.status': 'dispatched' } },
              { $project: { _id: 1 } },
            ],
            as: 'onItsWay',
          },
        },
        { $match: { onItsWay: { $ne: [] } } },
        { $limit: limit },
        { $project: { onItsWay: 0 } },
      ],
      answering,
    )
    .toArray();
  return found.map(
    ({ _id: id, orderId, shipmentId, carrier, trackingNumber, failingSince = '', failure }) => ({
      id,
      row: {
        orderId,
        code: 'tracking_failing',
        since: failingSince,
        detail: `nothing is known of shipment ${shipmentId} (${carrier} ${trackingNumber}): ${failure ?? ''}`,
        remedy: `it is asked about again automatically; if it has arrived: npx orders deliver ${orderId} ${shipmentId}`,
      },
    }),
  );
}

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
    db
      .collection<StockToBeCounted>('stock')
      .createIndex({ updatedAt: 1, _id: 1 }, { partialFilterExpression: { toBeCounted: true } }),
  ]);
}

/**
 * Filter for documents whose `field` is not later than `before`, starting after the cursor `after`.
 */
function pageFilter<D extends { readonly _id: string }>(
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
