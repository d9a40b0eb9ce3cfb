import type { Db } from 'mongodb';
import type { Endpoint } from '../../endpoint/endpoint.js';
import type { FeedPlace } from '../../log/feed/place.js';
import { beforeFirst, type Generations } from '../../log/feed/generations.js';
import { committed, durable } from '../../mongodb/durability.js';
import { healthy } from '../health.js';
import { type SubscriptionRow, subscriptionRows, waitingRows } from './rows.js';

/**
 * The subscription of an endpoint in the current generation of the feed. It begins where the
 * endpoint's settings say. After a change of the endpoint, everything that failed is tried again.
 */
export async function subscriptionOf(
  db: Db,
  endpoint: Endpoint,
  generations: Generations,
): Promise<SubscriptionRow> {
  const { orderId: _id, version: endpointVersion } = endpoint;
  const rows = subscriptionRows(db);
  const fresh = { ...beginOf(endpoint), endpointVersion, health: healthy, delivered: 0 };
  const found =
    (await rows.findOne({ _id }, committed)) ??
    (await rows.findOneAndUpdate(
      { _id },
      { $setOnInsert: fresh },
      { upsert: true, returnDocument: 'after', ...durable },
    ));
  const row = found ?? { _id, ...fresh };
  const place = generations.inCurrent(row);
  const isChanged = row.endpointVersion !== endpointVersion;
  if (!isChanged && place.generation === row.generation) return row;
  // A replay may move the checkpoint meanwhile: it is changed only if it is still the one read.
  if (place.generation !== row.generation) {
    const { generation, position } = row;
    await rows.updateOne({ _id, generation, position }, { $set: place }, durable);
  }
  if (isChanged) {
    await waitingRows(db).updateMany(
      { endpointId: _id, nextTryAt: { $exists: true } },
      { $set: { nextTryAt: new Date() }, $unset: { failingSince: 1 } },
      durable,
    );
    await rows.updateOne({ _id }, { $set: { endpointVersion, health: healthy } }, durable);
  }
  return (await rows.findOne({ _id }, committed)) ?? row;
}

/** Where the subscription of an endpoint begins. */
export function beginOf({ after }: Endpoint): FeedPlace {
  return after ?? beforeFirst;
}

/** Removes the data of a deleted endpoint, except the log of its attempts, which expires. */
export async function forgetSubscription(db: Db, endpointId: string): Promise<void> {
  await waitingRows(db).deleteMany({ endpointId }, durable);
  await subscriptionRows(db).deleteOne({ _id: endpointId }, durable);
}
