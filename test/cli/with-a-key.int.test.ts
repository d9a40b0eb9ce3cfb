import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { addKey } from '../../src/access/api-keys.js';
import type { Scope } from '../../src/access/scopes.js';
import { startReceiver } from '../delivery/webhooks/receiver.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { startSequencing } from '../support/sequencing.js';
import { until } from '../support/until.js';
import { runWithoutTemporal } from './without-temporal.js';

let api: TestApi;
let url: string;
let key: string;

beforeAll(async () => {
  api = await startTestApi({ AUTH: 'on', WEBHOOKS_ALLOW_PRIVATE: 'on' });
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

test('refusals of the order, of the scope and of the key are printed', async () => {
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

test('webhooks: an endpoint is made, tried, changed, read, sent to again and deleted', async () => {
  const receiver = await startReceiver();
  const stopSequencing = startSequencing(api.mongo.db);
  const env = { ORDERS_KEY: await keyFor(['webhooks:write', 'events:read', 'orders:write']) };
  const did = async (line: string) => {
    const { exitCode, out, err } = await orders(line, env);
    expect({ line, exitCode, err }).toEqual({ line, exitCode: 0, err: '' });
    return out;
  };
  try {
    const made = await did(
      `webhooks create ${receiver.url}/hook --events OrderCreated --payload thin --json`,
    );
    const { endpointId: id, secret } = JSON.parse(made);
    expect(secret).toMatch(/^whsec_/);
    await until(async () => expect(await did('webhooks list')).toContain(`endpoint ${id} · enabled`));
    expect(await did('webhooks list')).not.toContain('whsec_');
    expect(await did(`webhooks test ${id}`)).toMatch(/^delivered: HTTP 204, \d+ ms$/);
    expect(receiver.received).toMatchObject([{ path: '/hook', event: { type: 'webhook.test.v1' } }]);
    await until(async () => expect(await did(`webhooks deliveries ${id}`)).toContain('webhook.test.v1'));
    expect(await orders('webhooks deliveries nobody', env)).toMatchObject({
      exitCode: 3,
      err: expect.stringContaining('endpoint_not_found'),
    });
    expect(await did(`webhooks change ${id} --payload order --per-second 5`)).toContain('· order');
    expect(await did(`webhooks rotate-secret ${id}`)).toMatch(/\nwhsec_/);
    expect(await did(`webhooks disable ${id}`)).toContain('disabled');
    expect(await orders(`webhooks disable ${id}`, env)).toMatchObject({
      exitCode: 1,
      err: 'not_allowed: it is disabled already; allowed now: change, rotate-secret, enable, delete',
    });
    expect(await did(`webhooks enable ${id}`)).toContain('enabled');
    expect(await orders(`webhooks retry ${id} x`, env)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('path eventId must be the id of an event'),
    });
    const { orderId } = JSON.parse(await did('create --json'));
    const eventId = `${orderId}:1`;
    await until(async () =>
      expect(await did(`webhooks retry ${id} ${eventId}`)).toContain('is delivered soon'),
    );
    const replayed = 'events after position 0 are delivered again';
    expect(await did(`webhooks replay ${id} --from 2026-01-01`)).toBe(replayed);
    expect(await did(`webhooks replay ${id} --after 0`)).toBe(replayed);
    const shown = JSON.parse(await did('subscriptions --json'));
    expect(shown).toMatchObject([{ name: id, status: 'enabled', position: 0, failures: 0, waiting: 1 }]);
    expect(shown[0].lag).toBeGreaterThan(0);
    expect(await did('subscriptions')).toMatch(/POSITION +LAG +WAITING +PARKED +FAILURES/);
    expect(await did(`webhooks delete ${id}`)).toContain('deleted');
    await until(async () => expect(await did('webhooks list')).toBe('no endpoints'));
  } finally {
    await stopSequencing();
    await receiver.close();
  }
});

test('webhooks: without the scope, nothing is shown or done', async () => {
  for (const verb of ['list', 'create https://shop.example/', 'test none', 'deliveries none', 'delete none'])
    expect(await orders(`webhooks ${verb}`)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('scope_missing: This needs the scope webhooks:write'),
    });
});
