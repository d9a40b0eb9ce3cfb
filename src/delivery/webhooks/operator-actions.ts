import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Generations } from '../../log/feed/generations.js';
import { committedInTime, durable } from '../../mongodb/durability.js';
import { journal } from '../../log/journal/journal.js';
import { orderLog } from '../../order-log.js';
import { deliveryRow, postSigned, type Receiver } from './message.js';
import { type DeliveryRow, deliveryRows, subscriptionRows, waitingRows } from './rows.js';
import type { Sender } from './sender.js';
import { subscriptionOf } from './subscription.js';

export const testEventType = 'webhook.test.v1';

/** Sends a test message without retries, and stores the result as a delivery. */
export async function sendTest(db: Db, sender: Sender, receiver: Receiver): Promise<DeliveryRow> {
  const id = `test:${randomUUID()}`;
  const sent = await postSigned(sender, receiver, {
    specversion: '1.0',
    id,
    source: '/v1/webhook-endpoints',
    type: testEventType,
    subject: receiver.endpointId,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data: {},
  });
  const row = deliveryRow(receiver, { id, type: testEventType }, sent);
  await deliveryRows(db).insertOne(row);
  return row;
}

/**
 * Moves the checkpoint to a position of the current generation, or to the position before the first
 * event that was recorded at or after a time.
 *
 * @returns the position
 */
export async function replayFrom(
  db: Db,
  endpoint: Endpoint,
  generations: Generations,
  start: number | { readonly from: string; readonly head: number },
): Promise<number> {
  const position = typeof start === 'number' ? start : await positionBefore(db, start.from, start.head);
  const { _id } = await subscriptionOf(db, endpoint, generations);
  const { generation } = generations.current;
  await subscriptionRows(db).updateOne(
    { _id },
    { $set: { generation, position }, $inc: { replays: 1 } },
    durable,
  );
  return position;
}

/**
 * The last position before the first event that was recorded at or after this time. Positions
 * follow the time of recording closely enough for a binary search.
 */
async function positionBefore(db: Db, from: string, head: number): Promise<number> {
  let [low, high] = [0, head];
  while (low < high) {
    const middle = Math.floor((low + high) / 2) + 1;
    const event = await journal(orderLog, db).findOne(
      { position: { $gte: middle, $lte: high } },
      { ...committedInTime, sort: { position: 1 }, projection: { recordedAt: 1 } },
    );
    if (event === null || event.recordedAt >= from) high = middle - 1;
    else low = middle;
  }
  return low;
}

/**
 * Requests another delivery of an event, whatever the results of earlier deliveries, and ends a
 * pause of the endpoint. An event after the checkpoint is delivered with the feed, after the
 * earlier events of its order.
 *
 * @returns false if the feed does not have the event
 */
export async function retryDelivery(db: Db, endpointId: string, eventId: string): Promise<boolean> {
  const event = await journal(orderLog, db).findOne(
    { _id: eventId, position: { $exists: true } },
    committedInTime,
  );
  if (event === null) return false;
  const { orderId, version, position = 0, type } = event;
  const checkpoint = await subscriptionRows(db).findOne({ _id: endpointId }, committedInTime);
  const isPassed = checkpoint === null || position <= checkpoint.position;
  await waitingRows(db).updateOne(
    { _id: `${endpointId}/${eventId}` },
    {
      $set: { nextTryAt: new Date() },
      $unset: { parkedAt: 1, failingSince: 1 },
      $setOnInsert: { endpointId, orderId, version, position, type, attempts: 0 },
    },
    { upsert: isPassed, ...durable },
  );
  await subscriptionRows(db).updateOne({ _id: endpointId }, { $unset: { 'health.restUntil': 1 } }, durable);
  return true;
}
