import type { Db } from 'mongodb';
import type { Endpoint } from '../endpoint/endpoint.js';
import { feedEnd } from '../log/feed/feed.js';
import type { FeedPlace } from '../log/feed/place.js';
import { committedInTime } from '../mongodb/durability.js';
import { orderLog } from '../order-log.js';
import { endpointViews } from './webhooks/endpoints.js';
import { healthy } from './health.js';
import { type KafkaRow, kafkaRows } from './kafka/publishing-progress.js';
import { type ReaderRow, readerRows } from './readers.js';
import { type SubscriptionRow, subscriptionRows, waitingRows } from './webhooks/rows.js';
import { beginOf } from './webhooks/subscription.js';

/** The progress of a subscription. Times are ISO-8601 UTC. */
export interface SubscriptionStatus {
  readonly name: string;
  readonly kind: 'webhook' | 'kafka' | 'reader';
  /** the URL, the topic, or the client that reads */
  readonly to: string;
  readonly status: Endpoint['status'];
  readonly generation: number;
  /** every event up to this position was delivered, was left out, or is waiting */
  readonly position: number;
  /** events of the feed after the position */
  readonly lag: number;
  /** events that will be tried again, and later events of their orders */
  readonly waiting: number;
  /** events that are tried again only if an operator requests it */
  readonly parked: number;
  /**
   * deliveries that were acknowledged; for Kafka, events that were published; for a reader, its
   * position
   */
  readonly delivered: number;
  /** attempts in a row that failed */
  readonly failures: number;
  readonly failingSince?: string;
  readonly lastSuccessAt?: string;
  /** nothing is sent before this time */
  readonly restUntil?: string;
}

const MAX_LISTED = 1_000;

/**
 * The subscriptions of all endpoints that are not deleted, of Kafka, and of named readers.
 *
 * @param kafkaTopic the topic of the feed; rows of other topics belong to an earlier configuration
 */
export async function subscriptionsStatus(
  db: Db,
  kafkaTopic: string | undefined,
): Promise<readonly SubscriptionStatus[]> {
  const endpoints = await endpointViews(db)
    .find({ finished: false }, committedInTime)
    .sort({ _id: 1 })
    .limit(MAX_LISTED)
    .toArray();
  const ids = endpoints.map(({ _id }) => _id);
  const [{ generations, head }, rows, counts, topics, readers] = await Promise.all([
    feedEnd(orderLog, db, committedInTime),
    subscriptionRows(db)
      .find({ _id: { $in: ids } }, committedInTime)
      .toArray(),
    countWaiting(db, ids),
    kafkaTopic === undefined ? [] : kafkaRows(db).find({ _id: kafkaTopic }, committedInTime).toArray(),
    readerRows(db).find({}, committedInTime).sort({ askedAt: -1 }).limit(MAX_LISTED).toArray(),
  ]);
  const reached = (place: FeedPlace) => {
    const { generation, position } = generations.inCurrent(place);
    return { generation, position, lag: Math.max(0, head - position) };
  };
  const byId = new Map(rows.map(({ _id, ...row }) => [_id, row]));
  return [
    ...endpoints.map(({ _id: name, state }) => {
      const { waiting = 0, parked = 0 } = counts.get(name) ?? {};
      const row = byId.get(name);
      return { ...webhookStatus(name, state, row), ...reached(row ?? beginOf(state)), waiting, parked };
    }),
    ...topics.map((row) => ({ ...topicStatus(row), ...reached(row) })),
    ...readers.map((row) => ({ ...readerStatus(row), ...reached(row) })),
  ];
}

/** The members that do not depend on the feed. */
type WithoutPlace = Omit<SubscriptionStatus, 'generation' | 'position' | 'lag'>;

function webhookStatus(
  name: string,
  { status, url }: Endpoint,
  row: Pick<SubscriptionRow, 'delivered' | 'health'> | undefined,
): Omit<WithoutPlace, 'waiting' | 'parked'> {
  return {
    name,
    kind: 'webhook',
    to: url,
    status,
    delivered: row?.delivered ?? 0,
    ...(row?.health ?? healthy),
  };
}

function topicStatus({ _id: topic, delivered, health }: KafkaRow): WithoutPlace {
  const { failure: _, ...shown } = health;
  return { name: 'kafka', kind: 'kafka', to: topic, status: 'enabled', ...nothingWaits, delivered, ...shown };
}

function readerStatus({ name, client, position, askedAt }: ReaderRow): WithoutPlace {
  return {
    name,
    kind: 'reader',
    to: client,
    status: 'enabled',
    // A reader fetches pages itself, so there are no waiting events and no failures.
    ...nothingWaits,
    delivered: position,
    failures: 0,
    lastSuccessAt: askedAt.toISOString(),
  };
}

const nothingWaits = { waiting: 0, parked: 0 };

interface Waiting {
  readonly waiting: number;
  readonly parked: number;
}

async function countWaiting(db: Db, endpointIds: readonly string[]): Promise<ReadonlyMap<string, Waiting>> {
  const parkedExpression = { $eq: [{ $type: '$parkedAt' }, 'string'] };
  const counts = await waitingRows(db)
    .aggregate<Waiting & { readonly _id: string }>(
      [
        { $match: { endpointId: { $in: endpointIds } } },
        {
          $group: {
            _id: '$endpointId',
            waiting: { $sum: { $cond: [parkedExpression, 0, 1] } },
            parked: { $sum: { $cond: [parkedExpression, 1, 0] } },
          },
        },
      ],
      committedInTime,
    )
    .toArray();
  return new Map(counts.map(({ _id, ...count }) => [_id, count]));
}
