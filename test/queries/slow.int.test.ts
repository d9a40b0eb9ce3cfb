import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  const { db } = api.mongo;
  await db.collection('slow').insertOne({ version: 1 });
  // Whoever reads orders is kept waiting by MongoDB itself, which is up all the time.
  const body = 'function() { for (let i = 0; i < 1200; i += 1) sleep(50); return true; }';
  const $expr = { $function: { body, args: [], lang: 'js' } };
  await db.createCollection('orders', { viewOn: 'slow', pipeline: [{ $match: { $expr } }] });
});
afterAll(async () => {
  await api.close();
});

test('a query that MongoDB gives up is called too slow, and not an outage', async () => {
  const { status, headers, body } = await api.get('/v1/orders');
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'query_too_slow' });
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  // It does not go on in the database either.
  const { inprog } = await api.mongo.client
    .db('admin')
    .command({ currentOp: 1, ns: `${api.mongo.db.databaseName}.slow` });
  expect(inprog).toEqual([]);
}, 30_000);
