import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { WorkflowNotFoundError } from '@temporalio/client';
import { workflowId } from '../../../src/order-log.js';
import type { ApiLimits } from '../../../workers/roles/api.js';
import { orderBody, startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

const nothing = { most: 0, waiting: 0, waitMs: 0 };

let api: TestApi;
afterEach(async () => {
  await api.close();
});

/** A second API with the orders of `api`. */
function beside({ config }: TestApi, limits: ApiLimits): Promise<TestApi> {
  const { mongodb, temporal } = config;
  return startTestApi({ MONGODB_DB: mongodb.db, TEMPORAL_TASK_QUEUE: temporal.taskQueue }, limits);
}

async function isStarted(orderId: string): Promise<boolean> {
  try {
    await api.client.workflow.getHandle(workflowId(orderId)).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

test('in a burst of creates, those answered 201 are started and those refused are not', async () => {
  api = await startTestApi({}, { bounds: { create: { most: 2, waiting: 4, waitMs: 60_000 } } });
  const ids = Array.from({ length: 60 }, () => randomUUID());
  const replies = await Promise.all(
    ids.map(async (id) => ({ id, reply: await api.post('/v1/orders', { body: orderBody({ id }) }) })),
  );
  const [accepted, refused] = [201, 503].map((status) =>
    replies.filter(({ reply }) => reply.status === status),
  );
  expect(accepted).not.toHaveLength(0);
  expect(refused).not.toHaveLength(0);
  expect(replies).toHaveLength((accepted ?? []).length + (refused ?? []).length);
  for (const { id, reply } of replies) {
    if (reply.status === 503) {
      expect(reply.body.code).toBe('overloaded');
      expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(await isStarted(id)).toBe(reply.status === 201);
  }
});

test('a refused create may be sent again with the key that its answer names', async () => {
  api = await startTestApi();
  const busy = await beside(api, { bounds: { create: nothing } });
  try {
    const create = { body: orderBody(), headers: { 'idempotency-key': 'k-1' } };
    const refused = await busy.post('/v1/orders', create);
    expect(refused).toMatchObject({ status: 503, headers: { 'idempotency-key': 'k-1' } });
    expect((await api.post('/v1/orders', create)).status).toBe(201);
  } finally {
    await busy.close();
  }
});

describe('while every create and every command is refused', () => {
  const orderId = 'busy-1';

  test('orders and lists are read, and messages are accepted', async () => {
    api = await startTestApi();
    await api.post('/v1/orders', { body: orderBody({ id: orderId }) });
    const busy = await beside(api, { bounds: { create: nothing, command: nothing } });
    try {
      const status = async (path: string) => (await busy.get(path)).status;
      expect((await busy.post('/v1/orders', { body: orderBody() })).status).toBe(503);
      const note = { body: { text: 'now' } };
      expect((await busy.post(`/v1/orders/${orderId}/notes`, note)).status).toBe(503);
      expect(await status(`/v1/orders/${orderId}`)).toBe(200);
      expect(await status('/v1/orders')).toBe(200);
      expect(await status('/health/live')).toBe(200);
      const prefer = { prefer: 'respond-async' };
      const sent = await busy.post(`/v1/orders/${orderId}/notes`, { ...note, headers: prefer });
      expect(sent.status).toBe(202);
    } finally {
      await busy.close();
    }
  });
});

test('a create that waits for its order does not hold up other creates', async () => {
  api = await startTestApi({}, { bounds: { create: { most: 1, waiting: 0, waitMs: 0 } } });
  const [first, second] = [randomUUID(), randomUUID()];
  // Without a worker, the request waits.
  const waiting = api.post('/v1/orders', { body: orderBody({ id: first }), headers: { prefer: 'wait=30' } });
  await until(async () => expect(await isStarted(first)).toBe(true));
  let isAnswered = false;
  void waiting.then(() => (isAnswered = true));
  await until(async () => {
    const { status } = await api.post('/v1/orders', { body: orderBody({ id: second }) });
    expect(status).toBe(201);
  });
  expect(isAnswered).toBe(false);
  await api.startWorker();
  expect((await waiting).status).toBe(201);
});
