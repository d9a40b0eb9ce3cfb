import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { workflowId } from '../../../src/order-log.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
});
afterAll(async () => {
  await api.close();
});

/** Sends the same command from ten clients concurrently. @returns the answers */
async function tenAtOnce(orderId: string, command: string, body: object, headers = {}) {
  const path = `/v1/orders/${orderId}/${command}`;
  return await Promise.all(Array.from({ length: 10 }, () => api.post(path, { body, headers })));
}

function statuses(replies: readonly { readonly status: number }[]): readonly number[] {
  return replies.map(({ status }) => status).toSorted((a, b) => a - b);
}

async function log(orderId: string): Promise<readonly { readonly type: string; readonly version: number }[]> {
  return (await api.get(`/v1/orders/${orderId}/events?source=history`)).body.data;
}

test('of clients that change the version they have read, one succeeds and the rest get a conflict', async () => {
  const orderId = await placedOrder(api);
  const { headers } = await api.get(`/v1/orders/${orderId}?consistency=strong`);
  const before = await log(orderId);
  const replies = await tenAtOnce(
    orderId,
    'notes',
    { text: 'mine' },
    { 'if-match': String(headers['etag']) },
  );
  expect(statuses(replies)).toEqual([200, ...Array.from({ length: 9 }, () => 412)]);
  for (const { status, body } of replies) {
    if (status === 412) expect(body).toMatchObject({ code: 'stale_version', version: before.length + 1 });
  }
  expect(await log(orderId)).toHaveLength(before.length + 1);
});

test('commands without a version are judged against the current state, each in its turn', async () => {
  const orderId = await placedOrder(api);
  const before = await log(orderId);
  const notes = await tenAtOnce(orderId, 'notes', { text: 'mine, too' });
  expect(statuses(notes)).toEqual(Array.from({ length: 10 }, () => 200));
  const versions = notes.map(({ body }) => Number(body.version)).toSorted((a, b) => a - b);
  expect(versions).toEqual(Array.from({ length: 10 }, (_, index) => before.length + 1 + index));

  const holds = await tenAtOnce(orderId, 'hold', { reason: 'fraud check' });
  expect(statuses(holds)).toEqual([200, ...Array.from({ length: 9 }, () => 409)]);
  expect((await log(orderId)).filter(({ type }) => type === 'OrderHeld')).toHaveLength(1);
});

test('a signal that did not fit does not use up its key, whether the order is open or closed', async () => {
  const orderId = await placedOrder(api);
  const headers = { 'idempotency-key': randomUUID() };
  const capture = `/v1/orders/${orderId}/capture`;
  await api.post(capture, { headers: { ...headers, prefer: 'respond-async' } });
  await until(async () => expect((await log(orderId)).at(-1)?.type).toBe('CommandRejected'));
  expect(await api.post(capture, { headers })).toMatchObject({ status: 409, body: { code: 'not_allowed' } });
  await api.post(`/v1/orders/${orderId}/cancel`, { body: { reason: 'twice' } });
  await api.client.workflow.getHandle(workflowId(orderId)).result();
  expect(await api.post(capture, { headers })).toMatchObject({ status: 409, body: { code: 'order_closed' } });
  const again = await api.post(capture, { headers: { ...headers, prefer: 'respond-async' } });
  expect(again).toMatchObject({ status: 202, headers: { 'idempotent-replayed': 'true' } });
});
