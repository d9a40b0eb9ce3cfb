import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { addKey } from '../../src/access/keys.js';
import type { Scope } from '../../src/access/scopes.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { runWithoutTemporal } from './without-temporal.js';

let api: TestApi;
let url: string;
let key: string;

beforeAll(async () => {
  api = await startTestApi({ AUTH: 'on' });
  await api.startWorker();
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  key = await keyFor(['orders:read', 'orders:write', 'events:read', 'act-as']);
});
afterAll(() => api.close());

async function keyFor(scopes: readonly Scope[]): Promise<string> {
  return (await addKey(api.mongo.db, { client: 'shop', scopes })).key;
}

/** Runs a script that reaches the API only. */
async function orders(line: string, env: Readonly<Record<string, string>> = { ORDERS_KEY: key }) {
  return await runWithoutTemporal(line, { ORDERS_URL: url, ...env });
}

test('an order is created, changed and read with a key alone', async () => {
  const created = await orders('create --id keyed-1 --key k-1 --wait 20 --json');
  expect(created).toMatchObject({ exitCode: 0, err: '' });
  expect(JSON.parse(created.out)).toMatchObject({ orderId: 'keyed-1', status: 'confirmed', settled: true });
  expect(await orders('create --id keyed-1 --key k-1')).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('answered before'),
  });
  const { version } = JSON.parse(created.out);
  const preview = await orders('ship keyed-1 --preview --json');
  expect(JSON.parse(preview.out)).toMatchObject({ version, events: [{ type: 'ShipmentCreated' }] });
  const shipped = await orders(`ship keyed-1 --if-match ${version} --on-behalf-of user:ada`);
  expect(shipped).toMatchObject({ exitCode: 0, out: expect.stringContaining('shipment s1') });
  const dispatched = await orders('dispatch keyed-1 s1 --carrier DHL --tracking T-1');
  expect(dispatched).toMatchObject({ exitCode: 0, out: expect.stringContaining('ShipmentDispatched') });
  expect(await orders('note keyed-1 hello --async')).toMatchObject({
    exitCode: 0,
    out: 'order keyed-1 · accepted',
  });
  const log = await orders('events keyed-1');
  expect(log.out).toContain('key:shop');
  expect(log.out).toContain('key:shop for user:ada');
});

test('a refusal of the order, of the scope, and of the key', async () => {
  expect(await orders('release keyed-1')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('allowed now:'),
  });
  expect(await orders('refund keyed-1 --amount 1 --reason x')).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('scope_missing: This needs the scope money:write'),
  });
  expect(await orders('list', {})).toMatchObject({ exitCode: 2, err: expect.stringContaining('ORDERS_KEY') });
  expect(await orders('release keyed-1', { ORDERS_KEY: 'wrong' })).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('invalid_key'),
  });
});
