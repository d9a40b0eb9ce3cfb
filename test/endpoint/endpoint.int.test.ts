import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Endpoint, endpoints } from '../../src/endpoint/endpoint.js';
import { journal } from '../../src/log/journal/journal.js';
import { entityViews, recordEntity } from '../../src/log/journal/record-entity.js';
import {
  type Answer,
  type EntityState,
  type Message,
  messageId,
  stateQuery,
} from '../../src/log/workflow/messages.js';
import type { RunningWorker } from '../../workers/worker.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { until } from '../support/until.js';

let api: TestApi;
let worker: RunningWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await api.startWorker();
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

function message<D>(key: string, data: D, more: Partial<Omit<Message, 'data'>> = {}): Message<D> {
  const commandId = `shop ${key}`;
  return { data, commandId, hash: 'h', correlationId: key, actor: 'shop', requestId: randomUUID(), ...more };
}

async function start(id: string) {
  const create = message('create', { url: 'https://shop.example/hooks', secretId: 'one' });
  return await api.client.workflow.start(endpoints.name, {
    workflowId: `endpoint-${id}`,
    taskQueue: api.config.temporal.taskQueue,
    args: [{ orderId: id, create }],
  });
}

const views = () => entityViews<Endpoint>(api.mongo.db, endpoints);

test('an endpoint lives on the log of orders: history, journal and view of its own', async () => {
  const id = randomUUID();
  const handle = await start(id);
  const tell = (type: string, sent: Message) =>
    handle.executeUpdate<Answer, [Message]>(type, { args: [sent], updateId: messageId(sent) });
  const rotate = message('rotate', { secretId: 'two' });
  expect(await tell('RotateSecret', rotate)).toMatchObject({ version: 2, status: 'enabled' });
  // A repetition is answered as before, and a version that has passed is refused.
  expect(await tell('RotateSecret', rotate)).toMatchObject({ version: 2 });
  const stale = message('stale', { reason: 'gone' }, { expectedVersion: 1 });
  await expect(tell('DisableEndpoint', stale)).rejects.toMatchObject({
    cause: { type: 'stale_version', message: 'the endpoint is at version 2, not 1: read it again' },
  });
  const state = await handle.query<EntityState<Endpoint>>(stateQuery);
  expect(state.order).toMatchObject({ orderId: id, version: 2, secretIds: ['two', 'one'] });
  await until(async () => expect(await views().findOne({ _id: id })).toMatchObject(state.order));
  await handle.cancel();
  expect(await handle.result()).toEqual({ orderId: id, status: 'deleted', version: 3 });
  const events = await journal(api.mongo.db, 'endpoint').find({ orderId: id }).sort({ version: 1 }).toArray();
  expect(events.map(({ type }) => type)).toEqual(['EndpointCreated', 'SecretRotated', 'EndpointDeleted']);
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 3, status: 'deleted' });
  // Nothing of it is an order's.
  expect(await journal(api.mongo.db).countDocuments({ orderId: id })).toBe(0);
  expect((await api.get(`/v1/orders/${id}`)).status).toBe(404);
});

test('its recording may be repeated and reordered, and a fork stops it', async () => {
  const { db } = api.mongo;
  const id = randomUUID();
  const handle = await start(id);
  await until(async () => expect(await views().findOne({ _id: id })).toMatchObject({ version: 1 }));
  const [first] = await journal(db, 'endpoint').find({ orderId: id }).toArray();
  if (first === undefined) throw new Error('Nothing was recorded.');
  const { _id: _, recordedAt: _at, unsequenced: _not, ...created } = first;
  const [second, third] = [2, 3].map((version) => ({
    ...created,
    version,
    type: 'SecretRotated',
    data: { secretId: `s-${version}` },
  }));
  if (second === undefined || third === undefined) throw new Error('There are two.');
  await recordEntity(db, endpoints, [third]);
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 1 });
  await Promise.all([recordEntity(db, endpoints, [created, second]), recordEntity(db, endpoints, [second])]);
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 3, secretIds: ['s-3', 's-2'] });
  const other = { ...second, data: { secretId: 'another' } };
  await expect(recordEntity(db, endpoints, [other])).rejects.toMatchObject({ type: 'EventFork' });
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 3, secretIds: ['s-3', 's-2'] });
  await handle.terminate();
});
