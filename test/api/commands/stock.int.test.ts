import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { concernOfStock, stockState, stockStates } from '../../../src/effects/inventory/stock-state.js';
import { stock } from '../../../src/effects/inventory/stock.js';
import { detectDatabaseLoss } from '../../../src/identity/database-identity.js';
import { readMark } from '../../../src/identity/database-mark.js';
import { feedGenerations } from '../../../src/log/feed/generations.js';
import { orderLog } from '../../../src/order-log.js';
import { type Reply, startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function count(
  sku: string,
  onHand: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return await api.put(`/v1/stock/${sku}`, { body: { onHand }, headers });
}

const keyed = (key: string, more: object = {}) => ({ 'idempotency-key': key, ...more });

test('a count repeated under its key has the first answer, even if goods have left since', async () => {
  const [sku, key] = ['K-1', randomUUID()];
  const first = await count(sku, 10, keyed(key));
  expect(first).toMatchObject({ status: 200, body: { sku, onHand: 10, reserved: 0 } });
  expect(first.headers).not.toHaveProperty('idempotent-replayed');
  await stock(api.mongo.db).updateOne({ _id: sku }, { $inc: { onHand: -7, version: 1 } });
  const again = await count(sku, 10, keyed(key));
  expect(again).toMatchObject({ status: 200, body: first.body });
  expect(again.headers).toMatchObject({ etag: first.headers['etag'], 'idempotent-replayed': 'true' });
  expect((await api.get(`/v1/stock/${sku}`)).body).toMatchObject({ onHand: 3 });
});

test('the movements of a SKU are listed, the latest first', async () => {
  await count('K-moved', 10, keyed('first'));
  await count('K-moved', 7, keyed('second'));
  await count('K-other', 1);
  const { status, body } = await api.get('/v1/stock/K-moved/movements');
  expect(status).toBe(200);
  expect(body.data).toMatchObject([
    { type: 'set', quantity: 7, outcome: 'done', id: expect.stringMatching(/ second$/) },
    { type: 'set', quantity: 10, outcome: 'done', id: expect.stringMatching(/ first$/) },
  ]);
  expect((await api.get('/v1/stock/K-moved/movements?limit=1')).body.data).toHaveLength(1);
});

test('a count without a key always takes effect, and its answer has the key that was made', async () => {
  const first = await count('K-2', 10);
  const second = await count('K-2', 10);
  expect(second.headers).not.toHaveProperty('idempotent-replayed');
  expect(second.headers['idempotency-key']).not.toBe(first.headers['idempotency-key']);
});

test('a key is refused for another count, and is free for another actor', async () => {
  const key = randomUUID();
  await count('K-3', 10, keyed(key));
  for (const [sku, onHand] of [
    ['K-3', 11],
    ['K-4', 10],
  ] as const) {
    expect(await count(sku, onHand, keyed(key))).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  }
  const other = await count('K-3', 11, keyed(key, { 'x-actor': 'bob' }));
  expect(other).toMatchObject({ status: 200, body: { onHand: 11 } });
});

test('If-Match names the version that was read; a stale one changes nothing', async () => {
  const sku = 'K-5';
  const { etag: untouched } = (await api.get(`/v1/stock/${sku}`)).headers;
  const first = await count(sku, 5, { 'if-match': String(untouched) });
  expect(first.status).toBe(200);
  expect((await api.get(`/v1/stock/${sku}`)).headers['etag']).toBe(first.headers['etag']);
  expect(await count(sku, 6, { 'if-match': String(untouched) })).toMatchObject({
    status: 412,
    body: { code: 'stale_version', version: 2 },
  });
  expect((await count(sku, 6, { 'if-match': String(first.headers['etag']) })).status).toBe(200);
  expect((await count(sku, 7, { 'if-match': '*' })).body).toMatchObject({ onHand: 7 });
});

test('a count is checked for a replay first, then for its key, its version and the stock', async () => {
  const [sku, key] = ['K-6', randomUUID()];
  const first = await count(sku, 5, keyed(key));
  await stock(api.mongo.db).updateOne({ _id: sku }, { $inc: { reserved: 4, version: 1 } });
  const stale = { 'if-match': String(first.headers['etag']) };
  expect(await count(sku, 5, keyed(key, stale))).toMatchObject({ status: 200, body: first.body });
  expect(await count(sku, 3, keyed(key, stale))).toMatchObject({ status: 422 });
  expect(await count(sku, 3, stale)).toMatchObject({ status: 412 });
  expect(await count(sku, 3)).toMatchObject({ status: 409, body: { code: 'stock_reserved' } });
});

function stores() {
  return { client: api.client, db: api.mongo.db, taskQueue: api.config.temporal.taskQueue };
}

test('Temporal keeps which SKUs were counted, and how many times', async () => {
  await count('N-1', 1);
  await count('N-1', 2);
  await until(async () => {
    const mark = await readMark(stores());
    expect(mark).toMatchObject({ counts: expect.arrayContaining([['N-1', 2]]) });
  });
});

test('a process that writes its note late does not lower the number of counts', async () => {
  const late = { ...stores(), taskQueue: `${stores().taskQueue}-late` };
  await detectDatabaseLoss(late);
  const { schedule } = api.client;
  let counted: Promise<unknown> | undefined;
  // Another count arrives between the read and the write of the mark.
  const slow = Object.create(schedule, {
    getHandle: {
      value: (id: string) => {
        const handle = schedule.getHandle(id);
        const update: typeof handle.update = async (change) => {
          counted ??= count('N-2', 7);
          await counted;
          await handle.update(change);
        };
        return { ...handle, update };
      },
    },
  });
  await detectDatabaseLoss({ ...late, client: Object.create(api.client, { schedule: { value: slow } }) });
  expect((await readMark(late))?.counts).toEqual(expect.arrayContaining([['N-2', 1]]));
});

test('a MongoDB that is empty, or older than Temporal’s notes, is recognized', async () => {
  const { db } = api.mongo;
  const generations = async () => (await feedGenerations(orderLog, db)).all.length;
  // Uses a separate mark, because the API may still write its own after the counts of earlier
  // tests.
  const own = { ...stores(), taskQueue: `${stores().taskQueue}-older` };
  const detect = async () => {
    await detectDatabaseLoss(own);
    const state = await stockState(db);
    if (state === undefined) throw new Error('There is no state of the stock.');
    return state;
  };
  const named = await detect();
  expect(concernOfStock(named)).toBeUndefined();
  const again = await detect();
  expect(again).toEqual({ ...named, comparisons: named.comparisons + 1 });
  expect(await generations()).toBe(1);

  // The state that an older backup has.
  await stockStates(db).replaceOne({ _id: 'stock' }, { database: named.database, comparisons: 0 });
  const older = await detect();
  expect(await generations()).toBe(2);
  expect(older.outdated).toMatchObject({ cause: 'older', counts: expect.arrayContaining([['N-1', 2]]) });
  await until(async () =>
    expect((await api.get('/health/ready')).body.dependencies).toContainEqual(
      expect.objectContaining({ name: 'stock', detail: expect.stringContaining('--from history') }),
    ),
  );
  expect(await count('N-1', 3)).toMatchObject({ status: 409, body: { code: 'stock_restoring' } });

  await Promise.all([stockStates(db).deleteMany({}), stock(db).deleteMany({})]);
  expect(await count('N-1', 3)).toMatchObject({ status: 503, body: { code: 'stock_not_ready' } });
  const lost = await detect();
  expect(lost.outdated).toMatchObject({ cause: 'lost', counts: older.outdated?.counts });
  expect(lost.database).not.toBe(named.database);
  expect(await generations()).toBe(3);
  // The mark keeps the counts: an empty stock does not reduce what Temporal knows.
  expect((await readMark(own))?.counts).toEqual(lost.outdated?.counts);
});

test('several processes that set up a new database at the same time agree on it', async () => {
  const { db } = api.mongo;
  const fresh = { ...stores(), taskQueue: `${stores().taskQueue}-2` };
  await stockStates(db).deleteMany({});
  await Promise.all(Array.from({ length: 5 }, () => detectDatabaseLoss(fresh)));
  expect(await stockState(db)).not.toHaveProperty('outdated');
  expect(await stockState(db)).toMatchObject({ comparisons: 5 });
});
