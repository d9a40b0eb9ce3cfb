import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BSON, type Db } from 'mongodb';
import { verifyOrders } from '../../src/effects/proof/verify-orders.js';
import { sandboxDatabase } from '../../src/effects/sandbox-database.js';
import { readFeed } from '../../src/log/feed/feed.js';
import { isStateViewOutdated } from '../../src/log/rebuilding/rebuild-state-view.js';
import { orderLog } from '../../src/order-log.js';
import type { RunningWorker } from '../../workers/roles/worker.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { startSequencing } from '../support/sequencing.js';
import { until } from '../support/until.js';

/**
 * `databases.json` is what version 0.1.0 left in MongoDB: six orders of different states, their
 * stock, payments, views and feed, as extended JSON by database and collection. Temporal has none
 * of their workflows, as after a restore.
 */
interface Dump {
  readonly orders: Collections;
  readonly orders_sandbox: Collections;
}
type Collections = Readonly<Record<string, readonly { readonly _id: never }[]>>;

const file = new URL('./databases.json', import.meta.url);

let api: TestApi;
let db: Db;
let dump: Dump;
let worker: RunningWorker;
let stopSequencing: () => Promise<void>;

async function load(database: Db, collections: Collections): Promise<void> {
  for (const [name, documents] of Object.entries(collections)) {
    await database.collection(name).deleteMany({});
    await database.collection(name).insertMany([...documents]);
  }
}

beforeAll(async () => {
  api = await startTestApi();
  ({ db } = api.mongo);
  dump = BSON.EJSON.parse(await readFile(file, 'utf8')) as Dump;
  await load(db, dump.orders);
  await load(sandboxDatabase(db), dump.orders_sandbox);
  worker = await api.startWorker();
  stopSequencing = startSequencing(db);
});
afterAll(async () => {
  await stopSequencing();
  await worker.stop();
  await api.close();
});

const after = (id: string, path: string, body: object = {}) =>
  api.post(`/v1/orders/${id}/${path}`, { body, headers: { prefer: 'wait=30' } });

test.each([
  ['old-open', 'confirmed'],
  ['old-held', 'confirmed'],
  ['old-shipping', 'confirmed'],
  ['old-completed', 'completed'],
  ['old-cancelled', 'cancelled'],
  ['old-declined', 'rejected'],
])('%s is read as %s', async (id, status) => {
  const { status: code, body } = await api.get(`/v1/orders/${id}`);
  expect([code, body.status]).toEqual([200, status]);
  // The fold of the journal equals the view.
  const { body: past } = await api.get(`/v1/orders/${id}?version=${body.version}`);
  expect(past).toMatchObject({ status, version: body.version, total: body.total });
});

test('the view needs no rebuild, and the feed has the events at their positions', async () => {
  expect(await isStateViewOutdated(orderLog, db)).toBe(false);
  const events = dump.orders['order_events'] ?? [];
  const feed = await readFeed(orderLog, db, 0, events.length);
  expect(feed.map(({ position }) => position)).toEqual(events.map((_event, index) => index + 1));
});

describe('an order of an earlier version is resumed', () => {
  test.each([
    ['old-open', ['shipments']],
    ['old-held', ['release', 'shipments']],
    ['old-shipping', []],
  ])('and %s continues to its end', async (id, commands) => {
    const resumed = await api.post(`/v1/orders/${id}/resume`, { body: {} });
    expect(resumed).toMatchObject({ status: 200, body: { outcome: 'resumed' } });
    for (const command of commands) expect((await after(id, command)).status).toBe(200);
    const { body } = await api.get(`/v1/orders/${id}`);
    const shipment = `shipments/${body.shipments[0].shipmentId}`;
    const parcel = { carrier: 'DHL', trackingNumber: `t-${id}` };
    expect(await after(id, `${shipment}/dispatch`, parcel)).toMatchObject({ status: 200 });
    expect(await after(id, `${shipment}/deliver`)).toMatchObject({ status: 200 });
    await until(async () => expect((await api.get(`/v1/orders/${id}`)).body.status).toBe('completed'));
    const options = { client: api.client, db, taskQueue: api.config.temporal.taskQueue };
    await until(async () => {
      const { discrepancies } = await verifyOrders(options, { orderId: id });
      expect(discrepancies.filter(({ where }) => where !== 'positions')).toEqual([]);
    });
  });

  test('and a key of an earlier version is recognized', async () => {
    const headers = { 'idempotency-key': 'hold-old-held' };
    const body = { reason: 'check the address' };
    const reply = await api.post('/v1/orders/old-held/hold', { body, headers });
    expect(reply).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
    const other = await api.post('/v1/orders/old-held/hold', { body: { reason: 'another' }, headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  });
});
