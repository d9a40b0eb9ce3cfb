import type { Db } from 'mongodb';
import type { FeedPlace } from '../../log/feed/place.js';
import { describeUnheld, unheldTasks } from '../../log/leases/leases.js';
import { type KafkaSettings, topicsOf } from '../../kafka/settings.js';
import { committedInTime, durable } from '../../mongodb/durability.js';
import { type Health, healthy, succeeded } from '../health.js';

/**
 * The progress of publishing, for operators; the checkpoint itself is in Kafka. The row is written
 * after each transaction, so it may lag by one transaction.
 */
export interface KafkaRow extends FeedPlace {
  /** the topic */
  readonly _id: string;
  readonly health: Health & { readonly failure?: string };
  /** number of events that were published */
  readonly delivered: number;
}

/** The name of the task that publishes; persisted. */
export const publishingTask = 'publish-kafka';

export const kafkaRows = (db: Db) => db.collection<KafkaRow>('kafka_subscriptions');

/**
 * Stores where publishing continues. The health is kept, because it is not known yet whether
 * publishing works.
 */
export async function storePlace(db: Db, _id: string, { generation, position }: FeedPlace): Promise<void> {
  const $setOnInsert = { health: healthy, delivered: 0 };
  await kafkaRows(db).updateOne({ _id }, { $set: { generation, position }, $setOnInsert }, { upsert: true });
}

/** Clears an earlier failure, because all events are published. */
export async function clearFailure(db: Db, _id: string): Promise<void> {
  const $unset = { 'health.failingSince': 1, 'health.failure': 1 } as const;
  await kafkaRows(db).updateOne(
    { _id, 'health.failures': { $gt: 0 } },
    { $set: { 'health.failures': 0 }, $unset },
  );
}

export async function storePublished(
  db: Db,
  _id: string,
  { generation, position }: FeedPlace,
  delivered: number,
): Promise<void> {
  const $set = { generation, position, health: succeeded(Date.now()) };
  await kafkaRows(db).updateOne({ _id }, { $set, $inc: { delivered } }, { upsert: true });
}

export async function storeFailure(db: Db, _id: string, failure: string): Promise<void> {
  const now = new Date().toISOString();
  const health = { $mergeObjects: [healthy, '$health', { failure }] };
  const failures = { $add: [{ $ifNull: ['$health.failures', 0] }, 1] };
  const failingSince = { $ifNull: ['$health.failingSince', now] };
  const first = { generation: { $ifNull: ['$generation', 1] }, position: { $ifNull: ['$position', 0] } };
  await kafkaRows(db).updateOne(
    { _id },
    [
      {
        $set: {
          ...first,
          delivered: { $ifNull: ['$delivered', 0] },
          health: { $mergeObjects: [health, { failures, failingSince }] },
        },
      },
    ],
    { upsert: true, ...durable },
  );
}

/** Why the feed is not published to Kafka now; undefined if it is. */
export async function kafkaConcern(db: Db, settings: KafkaSettings): Promise<string | undefined> {
  const { events: topic } = topicsOf(settings);
  const row = await kafkaRows(db).findOne({ _id: topic }, committedInTime);
  const { failures = 0, failingSince, failure } = row?.health ?? {};
  if (failures > 0) return `publishing in ${topic} has failed since ${failingSince}: ${failure}`;
  return describeUnheld(await unheldTasks(db, [publishingTask]), 'kafka');
}
