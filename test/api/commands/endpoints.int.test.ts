import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endpointLog } from '../../../src/endpoint/endpoint-log.js';
import { type Endpoint, endpoints } from '../../../src/endpoint/endpoint.js';
import { ensureJournalIndexes } from '../../../src/log/journal/journal.js';
import { ensureStateViewIndexes, stateViews } from '../../../src/log/journal/state-view.js';
import type { ContinuedEntity } from '../../../src/log/workflow/inputs.js';
import { type EntityState, stateQuery } from '../../../src/log/workflow/messages.js';
import { workflowIdOf } from '../../../src/log/journal/entity-log.js';
import { startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

const root = '/v1/webhook-endpoints';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  await ensureJournalIndexes(endpointLog, api.mongo.db);
  await ensureStateViewIndexes(endpointLog, api.mongo.db);
});
afterAll(() => api.close());

async function created(): Promise<string> {
  const reply = await api.post(root, { body: { url: 'https://shop.example/hooks' } });
  expect(reply.status).toBe(201);
  return String(reply.body.endpointId);
}

const change = (id: string, description: string, key: string = randomUUID()) =>
  api.send('PATCH', `${root}/${id}`, JSON.stringify({ description }), {
    'content-type': 'application/json',
    'idempotency-key': key,
  });

const workflowOf = (id: string) => api.client.workflow.getHandle(workflowIdOf(endpointLog, id));

async function recorded(id: string, version: number): Promise<void> {
  const views = stateViews(endpointLog, api.mongo.db);
  await until(async () => expect(await views.findOne({ _id: id })).toMatchObject({ version }));
}

test('an endpoint that has forgotten its first commands takes new ones, and repeats earlier answers', async () => {
  const id = await created();
  expect(await change(id, 'one', 'K')).toMatchObject({ status: 200, body: { version: 2 } });
  await recorded(id, 2);
  // The state of a run that has forgotten its first commands, as after more than 500 commands.
  const { order } = await workflowOf(id).query<EntityState<Endpoint>>(stateQuery);
  await workflowOf(id).terminate();
  const forgotten: ContinuedEntity<Endpoint> = {
    orderId: id,
    order,
    unrecorded: [],
    remembered: [],
    memoryFrom: 2,
  };
  await api.client.workflow.start(endpoints.name, {
    workflowId: workflowIdOf(endpointLog, id),
    taskQueue: api.config.temporal.taskQueue,
    args: [forgotten],
  });
  expect(await change(id, 'two', 'L')).toMatchObject({ status: 200, body: { version: 3 } });
  expect(await change(id, 'one', 'K')).toMatchObject({
    status: 200,
    headers: { 'idempotent-replayed': 'true' },
    body: { version: 2, description: 'one' },
  });
  expect(await change(id, 'other', 'K')).toMatchObject({ status: 422, body: { code: 'key_reused' } });
});

test('a deletion that is repeated is answered as before, also when Temporal has forgotten it', async () => {
  const id = await created();
  const headers = { 'idempotency-key': randomUUID() };
  const remove = () => api.send('DELETE', `${root}/${id}`, undefined, headers);
  expect(await remove()).toMatchObject({ status: 200, body: { status: 'deleted' } });
  await workflowOf(id).result();
  const again = { status: 200, headers: { 'idempotent-replayed': 'true' }, body: { status: 'deleted' } };
  expect(await remove()).toMatchObject(again);
  const { connection, options } = api.client;
  await connection.workflowService.deleteWorkflowExecution({
    namespace: options.namespace,
    workflowExecution: { workflowId: workflowIdOf(endpointLog, id) },
  });
  await until(() => expect(workflowOf(id).describe()).rejects.toThrow('not found'));
  expect(await remove()).toMatchObject(again);
  expect(await change(id, 'late')).toMatchObject({ status: 404, body: { code: 'endpoint_not_found' } });
});

test('a command to an endpoint whose workflow has ended too early is answered with the remedy', async () => {
  const id = await created();
  expect(await change(id, 'one', 'K')).toMatchObject({ status: 200 });
  await recorded(id, 2);
  await workflowOf(id).terminate();
  expect((await api.get(`${root}/${id}`)).status).toBe(200);
  expect(await change(id, 'two')).toMatchObject({
    status: 409,
    body: { code: 'workflow_ended', detail: expect.stringContaining(`resume ${id} --entity endpoint`) },
  });
  expect(await change(id, 'one', 'K')).toMatchObject({
    status: 200,
    headers: { 'idempotent-replayed': 'true' },
    body: { version: 2 },
  });
});
