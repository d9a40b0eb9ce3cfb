import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { orderBody, placedOrder, type Reply, startTestApi, type TestApi } from '../../support/api.js';

let api: TestApi;
let orderId: string;
/** the view's answer after each version that was seen */
const seen = new Map<number, Reply['body']>();

beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  orderId = await placedOrder(api);
  const path = `/v1/orders/${orderId}`;
  const look = async () => {
    const { body } = await api.get(path);
    seen.set(body.version, body);
  };
  await look();
  for (const [command, body] of [
    ['hold', { reason: 'fraud check' }],
    ['release', {}],
    ['notes', { text: 'ring twice' }],
  ] as const) {
    await api.post(`${path}/${command}?consistency=projected`, { body });
    await look();
  }
});
afterAll(async () => {
  await api.close();
});

async function events() {
  return (await api.get(`/v1/orders/${orderId}/events`)).body.data;
}

describe('an order as it was', () => {
  test('after a version is what its view was then, and is not cached because it shows personal data', async () => {
    expect(seen.size).toBe(4);
    for (const [version, body] of seen) {
      const reply = await api.get(`/v1/orders/${orderId}?version=${version}`);
      expect(reply).toMatchObject({
        status: 200,
        headers: {
          etag: `"${version}"`,
          'cache-control': 'no-store',
          'served-by': 'journal',
          'content-type': 'application/json; charset=utf-8',
        },
      });
      expect(reply.body).toEqual(body);
    }
    const unchanged = await api.get(`/v1/orders/${orderId}?version=2`, { 'if-none-match': '"2"' });
    expect(unchanged).toMatchObject({ status: 304, body: '' });
  });

  test('at a time is the order after all events up to then', async () => {
    const log = await events();
    for (const { occurredAt } of log) {
      const known = log.filter((event: { occurredAt: string }) => event.occurredAt <= occurredAt);
      const { status, body } = await api.get(`/v1/orders/${orderId}?at=${occurredAt}`);
      expect({ status, version: body.version }).toEqual({ status: 200, version: known.length });
    }
  });

  test('at a time is cached only once a later event is known', async () => {
    const now = await api.get(`/v1/orders/${orderId}?at=${new Date().toISOString()}`);
    expect(now).toMatchObject({ status: 200, headers: { 'cache-control': 'no-cache' } });
    const [first] = await events();
    const then = await api.get(`/v1/orders/${orderId}?at=${first.occurredAt}`);
    expect(then.headers['cache-control']).toBe('no-store');
  });

  test.each([
    ['version=1000', 404, 'version_not_found'],
    ['at=2020-01-01', 404, 'order_not_created_yet'],
    ['at=2999-01-01', 400, 'invalid_request'],
    ['at=2020-13-01', 400, 'invalid_request'],
    ['at=2020-02-30', 400, 'invalid_request'],
    ['at=2020-04-31T10:00:00Z', 400, 'invalid_request'],
    ['at=9999-12-31T23:59:59-14:00', 400, 'invalid_request'],
    ['at=0000-01-01T00:00:00%2B01:00', 400, 'invalid_request'],
    ['at=yesterday', 400, 'invalid_request'],
    ['version=0', 400, 'invalid_request'],
    ['version=1.5', 400, 'invalid_request'],
    ['version=-1', 400, 'invalid_request'],
    ['version=1&at=2026-01-01', 400, 'invalid_request'],
    ['version=1&consistency=strong', 400, 'invalid_request'],
    ['at=2026-01-01&minVersion=1', 400, 'invalid_request'],
  ])('is refused for an impossible point: %s', async (query, status, code) => {
    const reply = await api.get(`/v1/orders/${orderId}?${query}`);
    expect(reply).toMatchObject({ status, body: { code } });
    if (status === 400) expect(reply.body.errors).toHaveLength(1);
  });

  test('at a version that does not exist yet is refused with the order’s current version', async () => {
    const { body } = await api.get(`/v1/orders/${orderId}?version=1000`);
    expect(body.version).toBe(Math.max(...seen.keys()));
  });

  test('is not found for an unknown order, and not recorded yet for one that was just accepted', async () => {
    for (const query of ['?version=1', '?at=2026-01-01', '/diff']) {
      const unknown = await api.get(`/v1/orders/${randomUUID()}${query}`);
      expect(unknown).toMatchObject({ status: 404, body: { code: 'order_not_found' } });
    }
    const unattended = await startTestApi();
    try {
      const { body } = await unattended.post('/v1/orders', { body: orderBody() });
      const reply = await unattended.get(`/v1/orders/${body.orderId}?version=1`);
      expect(reply).toMatchObject({ status: 503, body: { code: 'not_recorded_yet', version: 1 } });
    } finally {
      await unattended.close();
    }
  });

  test('is known up to a gap in the journal', async () => {
    const id = await placedOrder(api);
    await journal(orderLog, api.mongo.db).deleteOne({ _id: `${id}:2` });
    expect((await api.get(`/v1/orders/${id}?version=1`)).status).toBe(200);
    const reply = await api.get(`/v1/orders/${id}?version=2`);
    expect(reply).toMatchObject({ status: 404, body: { code: 'version_not_found', version: 1 } });
  });
});

describe('a diff', () => {
  test('shows what changed, by which event, by whom, when and why', async () => {
    const log = await events();
    const held = log.find(({ type }: { type: string }) => type === 'OrderHeld');
    const { status, body } = await api.get(
      `/v1/orders/${orderId}/diff?from=${held.version - 1}&to=${held.version}`,
    );
    const changes = [
      { path: '/held', before: false, after: true },
      { path: '/holdReason', after: 'fraud check' },
    ];
    const { occurredAt, actor, commandId, correlationId, causationId } = held;
    const step = { occurredAt, actor, commandId, correlationId, causationId };
    expect(status).toBe(200);
    expect(body).toEqual({
      orderId,
      from: held.version - 1,
      to: held.version,
      changes,
      steps: [{ ...step, version: held.version, type: 'OrderHeld', reason: 'fraud check', changes }],
    });
  });

  test('goes from the first version to the latest by default, and omits changes that were reverted', async () => {
    const { body } = await api.get(`/v1/orders/${orderId}/diff`);
    expect(body).toMatchObject({ from: 1, to: Math.max(...seen.keys()) });
    expect(body.changes).toContainEqual({ path: '/status', before: 'pending', after: 'confirmed' });
    expect(body.changes.map(({ path }: { path: string }) => path)).not.toContain('/held');
    expect(body.steps).toHaveLength(body.to - 1);
  });

  test.each([
    ['from=3&to=2', 400, 'invalid_request'],
    ['from=0', 400, 'invalid_request'],
    ['to=1000', 404, 'version_not_found'],
    ['from=1000', 404, 'version_not_found'],
    ['since=1', 400, 'invalid_request'],
  ])('is refused for impossible versions: %s', async (query, status, code) => {
    const reply = await api.get(`/v1/orders/${orderId}/diff?${query}`);
    expect(reply).toMatchObject({ status, body: { code } });
  });
});

describe('a log with an unreadable event', () => {
  test.each([
    ['its type is unknown', { $set: { type: 'Nonsense' } }],
    ['a newer version wrote it', { $set: { schemaVersion: 99 } }],
    ['its data is gone', { $unset: { data: '' as const } }],
  ])('is shown up to that event, and the answer says why not further: %s', async (_, change) => {
    const own = await placedOrder(api);
    const path = `/v1/orders/${own}`;
    const unreadable = { status: 404, body: { code: 'log_unreadable' } };
    const before = await api.get(`${path}?version=1`);
    await journal(orderLog, api.mongo.db).updateOne({ _id: `${own}:2` }, change);
    expect(await api.get(`${path}?version=1`)).toMatchObject({ status: 200, body: before.body });
    expect(await api.get(`${path}?version=2`)).toMatchObject(unreadable);
    expect(await api.get(`${path}?at=${new Date().toISOString()}`)).toMatchObject(unreadable);
    expect(await api.get(`${path}/diff?to=1`)).toMatchObject({ status: 200 });
    expect(await api.get(`${path}/diff`)).toMatchObject(unreadable);
    expect((await api.get(`${path}/events`)).body.data).toHaveLength(4);
  });

  test('is refused when its history is requested', async () => {
    const own = randomUUID();
    await api.client.workflow.start('order', {
      workflowId: `order-${own}`,
      taskQueue: `nobody-${own}`,
      args: [{ order: {}, unrecorded: [{ orderId: own, version: 1, type: 'Nonsense', schemaVersion: 1 }] }],
    });
    expect(await api.get(`/v1/orders/${own}/events?source=history`)).toMatchObject({
      status: 404,
      body: { code: 'log_unreadable' },
    });
  });
});
