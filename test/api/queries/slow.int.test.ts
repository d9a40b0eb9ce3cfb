import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  const { db } = api.mongo;
  await db.collection('slow').insertMany(Array.from({ length: 3_000 }, () => ({ version: 1 })));
  // Reading all orders takes MongoDB a minute, while it stays available.
  const body = 'function() { sleep(20); return true; }';
  const $expr = { $function: { body, args: [], lang: 'js' } };
  await db.createCollection('orders', { viewOn: 'slow', pipeline: [{ $match: { $expr } }] });
});
afterAll(async () => {
  await api.close();
});

test('a query that takes MongoDB too long is answered as too slow, not as an outage', async () => {
  const { status, headers, body } = await api.get('/v1/orders');
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'query_too_slow' });
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  // The query does not continue in the database either.
  const ofQuery = { 'command.$db': api.mongo.db.databaseName, 'command.sort': { $exists: true } };
  await until(async () => {
    const { inprog } = await api.mongo.client.db('admin').command({ currentOp: 1, ...ofQuery });
    expect(inprog).toEqual([]);
  }, 20);
});
