import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { endpointIdOf } from '../../../src/delivery/webhooks/endpoints.js';
import { replayFrom } from '../../../src/delivery/webhooks/operator-actions.js';
import { subscriptionRows, waitingRows } from '../../../src/delivery/webhooks/rows.js';
import { subscriptionOf } from '../../../src/delivery/webhooks/subscription.js';
import type { Endpoint } from '../../../src/endpoint/endpoint.js';
import { Generations } from '../../../src/log/feed/generations.js';
import { type Database, openDatabase } from '../../support/database.js';
import { until } from '../../support/until.js';

let database: Database;
let db: Db;
beforeAll(async () => {
  database = await openDatabase();
  ({ db } = database);
});
afterAll(async () => await database?.close());

const first = new Generations(null);
const restored = new Generations({
  generations: [first.current, { generation: 2, commonUntil: 7, lost: 0 }],
});

function endpointAt(version: number, orderId: string): Endpoint {
  const at = new Date().toISOString();
  return {
    orderId,
    version,
    updatedAt: at,
    status: 'enabled',
    url: 'https://receiver.example',
    eventTypes: [],
    customers: [],
    tags: [],
    payload: 'event',
    secretIds: [],
    rejections: 0,
  };
}

/** An endpoint with a subscription at position 9, and a waiting event. */
async function subscribed(): Promise<Endpoint> {
  const endpoint = endpointAt(1, randomUUID());
  await subscriptionOf(db, endpoint, first);
  await replayFrom(db, endpoint, first, 9);
  const endpointId = endpointIdOf(endpoint);
  await waitingRows(db).insertOne({
    _id: `${endpointId}/o-1:1`,
    endpointId,
    orderId: 'o-1',
    version: 1,
    position: 1,
    type: 'OrderTagged',
    attempts: 1,
    nextTryAt: new Date(),
  });
  return endpoint;
}

/** Does `work` while updates of the endpoint's waiting events wait for a transaction. */
async function whileWaitingRowsAreLocked(endpointId: string, work: () => Promise<void>): Promise<void> {
  await db.client.withSession(async (session) => {
    session.startTransaction();
    await waitingRows(db).updateMany({ endpointId }, { $inc: { attempts: 1 } }, { session });
    await work();
    await session.commitTransaction();
  });
}

/** Resolves when an update of waiting events is under way. */
async function updateOfWaitingRows(): Promise<void> {
  const ns = waitingRows(db).namespace;
  await until(async () => {
    const found = db.client
      .db('admin')
      .aggregate([{ $currentOp: {} }, { $match: { ns, op: 'update' } }], { readConcern: 'local' });
    expect(await found.toArray()).not.toEqual([]);
  });
}

test.each([
  ['', first, { generation: 1, position: 3 }],
  [' and the feed was restored', restored, { generation: 2, position: 3 }],
])('a replay while the endpoint was changed%s is not lost', async (_, generations, place) => {
  const endpoint = await subscribed();
  const endpointId = endpointIdOf(endpoint);
  let changed: ReturnType<typeof subscriptionOf> | undefined;
  await whileWaitingRowsAreLocked(endpointId, async () => {
    changed = subscriptionOf(db, endpointAt(2, endpointId), generations);
    await updateOfWaitingRows();
    await replayFrom(db, endpoint, generations, 3);
  });
  expect(await changed).toMatchObject({ ...place, endpointVersion: 2, replays: 2 });
  expect(await subscriptionRows(db).findOne({ _id: endpointId })).toMatchObject({
    ...place,
    endpointVersion: 2,
    replays: 2,
  });
});

test('a subscription of an earlier generation returns to the last position in common', async () => {
  const endpoint = await subscribed();
  const place = { generation: 2, position: 7 };
  expect(await subscriptionOf(db, endpoint, restored)).toMatchObject(place);
  expect(await subscriptionRows(db).findOne({ _id: endpointIdOf(endpoint) })).toMatchObject(place);
});
