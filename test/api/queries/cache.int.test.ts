import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

/** Two processes with one database. Tests write through one and read through the other. */
let one: TestApi;
let other: TestApi;
beforeAll(async () => {
  one = await startTestApi();
  const { mongodb, temporal } = one.config;
  other = await startTestApi({ MONGODB_DB: mongodb.db, TEMPORAL_TASK_QUEUE: temporal.taskQueue });
  await one.startWorker();
});
afterAll(async () => {
  await other.close();
  await one.close();
});

async function note(api: TestApi, orderId: string): Promise<number> {
  const { status, body } = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, {
    body: { text: 'ring twice' },
  });
  expect(status).toBe(200);
  return body.version;
}

async function versionAt(api: TestApi, orderId: string, query = ''): Promise<number> {
  const { status, headers, body } = await api.get(`/v1/orders/${orderId}${query}`);
  expect({ status, servedBy: headers['served-by'] }).toEqual({ status: 200, servedBy: 'view' });
  expect(headers['etag']).toBe(`"${body.version}"`);
  return body.version;
}

test('a process that waited until its own write was in the view reads that write', async () => {
  const orderId = await placedOrder(one);
  for (let count = 0; count < 20; count++) {
    // Reads the view into the cache, so that the cached one will be stale.
    await versionAt(one, orderId);
    const version = await note(one, orderId);
    expect(await versionAt(one, orderId)).toBeGreaterThanOrEqual(version);
  }
});

test('any process reads a write by its version', async () => {
  const orderId = await placedOrder(one);
  for (let count = 0; count < 20; count++) {
    await versionAt(other, orderId);
    const version = await note(one, orderId);
    expect(await versionAt(other, orderId, `?minVersion=${version}`)).toBeGreaterThanOrEqual(version);
    expect(await versionAt(other, orderId)).toBeGreaterThanOrEqual(version);
  }
});

test('another process reads a write once its change stream reports it, and nothing older afterwards', async () => {
  const orderId = await placedOrder(one);
  let seen = 0;
  const look = async (): Promise<number> => {
    const version = await versionAt(other, orderId);
    expect(version).toBeGreaterThanOrEqual(seen);
    seen = version;
    return version;
  };
  for (let count = 0; count < 10; count++) {
    await look();
    const version = await note(one, orderId);
    await until(async () => expect(await look()).toBe(version));
  }
});

test('a read never shows an older version than a list has shown', async () => {
  const orderId = await placedOrder(one);
  for (let count = 0; count < 20; count++) {
    await versionAt(other, orderId);
    await note(one, orderId);
    const { data } = (await other.get('/v1/orders?limit=1')).body;
    expect(data[0].orderId).toBe(orderId);
    expect(await versionAt(other, orderId)).toBeGreaterThanOrEqual(data[0].version);
  }
});
