import type { Db } from 'mongodb';
import type { Endpoint } from '../../endpoint/endpoint.js';
import type { FeedPlace } from '../../log/feed/place.js';
import { beforeFirst, type Generations } from '../../log/feed/generations.js';
import { committed, durable } from '../../mongodb/durability.js';
import { healthy } from '../health.js';
import { endpointIdOf } from './endpoints.js';
import { type SubscriptionRow, subscriptionRows, waitingRows } from './rows.js';

/**
 * The subscription of an endpoint in the current generation of the feed. It begins where the
 * endpoint's settings say. After a change of the endpoint, all waiting events become due, except
 * those that are parked.
 */
export async function subscriptionOf(
  db: Db,
  endpoint: Endpoint,
  generations: Generations,
): Promise<SubscriptionRow> {
  const endpointId = endpointIdOf(endpoint);
  const { version: endpointVersion } = endpoint;
  const rows = subscriptionRows(db);
  const byId = { _id: endpointId };
  const fresh = { ...beginOf(endpoint), endpointVersion, health: healthy, delivered: 0 };
  const found =
    (await rows.findOne(byId, committed)) ??
    (await rows.findOneAndUpdate(
      byId,
      { $setOnInsert: fresh },
      { upsert: true, returnDocument: 'after', ...durable },
    ));
  const row = found ?? { ...byId, ...fresh };
  const place = generations.inCurrent(row);
  const isChanged = row.endpointVersion !== endpointVersion;
  if (!isChanged && place.generation === row.generation) return row;
  // A replay may have moved the checkpoint since it was read. Then it is not changed here.
  if (place.generation !== row.generation) {
    const { generation, position } = row;
    await rows.updateOne({ ...byId, generation, position }, { $set: place }, durable);
  }
  if (isChanged) {
    await waitingRows(db).updateMany(
      { endpointId, nextTryAt: { $exists: true } },
      { $set: { nextTryAt: new Date() }, $unset: { failingSince: 1 } },
      durable,
    );
    await rows.updateOne(byId, { $set: { endpointVersion, health: healthy } }, durable);
  }
  return (await rows.findOne(byId, committed)) ?? row;
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
