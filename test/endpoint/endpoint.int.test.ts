import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endpointLog } from '../../src/endpoint/endpoint-log.js';
import { type Endpoint, endpoints } from '../../src/endpoint/endpoint.js';
import { feedHead, readFeed } from '../../src/log/feed/feed.js';
import { foldHistory, readHistoryLog } from '../../src/log/history/history.js';
import { diff } from '../../src/log/journal/diff.js';
import { journal, ensureJournalIndexes } from '../../src/log/journal/journal.js';
import { readJournal } from '../../src/log/journal/read-journal.js';
import { record } from '../../src/log/recording/recording.js';
import { stateViews } from '../../src/log/entity-log/state-view.js';
import { stateAt } from '../../src/log/journal/time-travel.js';
import { reconcile } from '../../src/log/proof/reconcile.js';
import { verify, type VerifyProgress } from '../../src/log/proof/verify.js';
import { resume } from '../../src/log/resume/resume.js';
import { rebuildJournal } from '../../src/log/rebuilding/rebuild-journal.js';
import { rebuildStateView } from '../../src/log/rebuilding/rebuild-state-view.js';
import {
  type Answer,
  type EntityState,
  type Message,
  messageId,
  stateQuery,
} from '../../src/log/workflow/messages.js';
import { orderLog } from '../../src/order-log.js';
import type { RunningWorker } from '../../workers/roles/worker.js';
import { openTemporalGateway } from '../../src/cli/connections/temporal-gateway.js';
import { runScript } from '../cli/without-temporal.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { startSequencing } from '../support/sequencing.js';
import { until } from '../support/until.js';

let api: TestApi;
let worker: RunningWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await api.startWorker();
  await ensureJournalIndexes(endpointLog, api.mongo.db);
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

/** Waits until Temporal's list, which lags, has this many endpoints. */
async function listed(count: number): Promise<void> {
  const query = `WorkflowType = 'endpoint' AND TaskQueue = '${api.config.temporal.taskQueue}'`;
  await until(async () => expect((await api.client.workflow.count(query)).count).toBe(count));
}

/** Runs a client script for endpoints. */
async function script(line: string) {
  const { temporal, mongodb } = api.config;
  const env = {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_TASK_QUEUE: temporal.taskQueue,
    MONGODB_URI: mongodb.uri,
    MONGODB_DB: mongodb.db,
    // No API serves this system, so the scripts compare nothing with it.
    HTTP_PORT: '1',
  };
  return await runScript(`${line} --entity endpoint`, { env, openTemporalGateway });
}

const views = () => stateViews(endpointLog, api.mongo.db);

test('an endpoint is an entity on the log, with a history, a journal and a view of its own', async () => {
  const id = randomUUID();
  const handle = await start(id);
  const tell = (type: string, sent: Message) =>
    handle.executeUpdate<Answer, [Message]>(type, { args: [sent], updateId: messageId(sent) });
  const rotate = message('rotate', { secretId: 'two' });
  expect(await tell('RotateSecret', rotate)).toMatchObject({ version: 2, status: 'enabled' });
  // A repetition gets the first answer. A command for an earlier version is refused.
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
  const events = await journal(endpointLog, api.mongo.db)
    .find({ orderId: id })
    .sort({ version: 1 })
    .toArray();
  expect(events.map(({ type }) => type)).toEqual(['EndpointCreated', 'SecretRotated', 'EndpointDeleted']);
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 3, status: 'deleted' });
  const history = await readHistoryLog(endpointLog, api.client, id);
  if (history === undefined) throw new Error('Temporal has no history of it.');
  expect(history).toMatchObject({ isComplete: true, isOpen: false, ending: 'completed' });
  expect(foldHistory(endpointLog, history)).toMatchObject({ version: 3, status: 'deleted' });
  const recorded = await readJournal(endpointLog, api.mongo.db, id);
  expect(recorded).toMatchObject(history.events);
  expect(stateAt(endpointLog, recorded, { version: 1 })).toMatchObject({ status: 'enabled' });
  expect(diff(endpointLog, recorded, 1, 3)).toMatchObject({
    changes: [
      { path: '/status', before: 'enabled', after: 'deleted' },
      { path: '/secretIds', after: 'two' },
    ],
    steps: [{ type: 'SecretRotated' }, { type: 'EndpointDeleted' }],
  });
  // The orders' journal has no event of the endpoint.
  expect(await journal(orderLog, api.mongo.db).countDocuments({ orderId: id })).toBe(0);
  expect((await api.get(`/v1/orders/${id}`)).status).toBe(404);
});

test('an endpoint has a feed, a proof and a journal apart from those of orders', async () => {
  const { db } = api.mongo;
  const deps = { client: api.client, db, taskQueue: api.config.temporal.taskQueue };
  const [one, other] = [randomUUID(), randomUUID()];
  const handles = await Promise.all([start(one), start(other)]);
  const rotate = message('rotate', { secretId: 'two' });
  await handles[0].executeUpdate('RotateSecret', { args: [rotate], updateId: messageId(rotate) });
  await until(async () => expect(await views().findOne({ _id: one })).toMatchObject({ version: 2 }));
  await until(async () => expect(await views().findOne({ _id: other })).toMatchObject({ version: 1 }));
  await listed(3);

  // The feed.
  const stopSequencing = startSequencing(db, endpointLog);
  const events = await journal(endpointLog, db).countDocuments();
  await until(async () => expect(await feedHead(endpointLog, db)).toBe(events));
  const fed = await readFeed(endpointLog, db, 0, 100);
  expect(fed.map(({ position }) => position)).toEqual(fed.map((_, index) => index + 1));
  expect(fed.filter(({ orderId }) => orderId === one).map(({ type }) => type)).toEqual([
    'EndpointCreated',
    'SecretRotated',
  ]);
  expect(await feedHead(orderLog, db)).toBe(0);
  expect((await api.get('/v1/events')).body).toMatchObject({ data: [] });

  // The proof: history, journal, view, workflow and positions.
  const counted = new Set<string>();
  const onProgress = ({ what }: VerifyProgress) => void counted.add(what);
  const proof = async () => await verify(endpointLog, deps, { onProgress });
  expect(await proof()).toMatchObject({ orders: 3, events, head: events, found: 0 });
  expect([...counted]).toEqual(['endpoints']);
  expect(JSON.parse((await script('verify --json')).out)).toMatchObject({ orders: 3, events, found: 0 });
  expect((await script('verify')).out).toContain(`3 endpoints, ${events} events`);
  const { stores } = (await api.get('/v1/projections')).body;
  expect(stores).toEqual(expect.arrayContaining([{ name: 'endpoint-journal' }]));
  expect(stores.map(({ name }: { readonly name: string }) => name)).toContain('endpoints');
  await views().updateOne({ _id: one }, { $set: { url: 'https://other.example' } });
  expect(await proof()).toMatchObject({
    discrepancies: [{ orderId: one, where: 'view', remedy: expect.stringContaining('rebuild endpoints') }],
  });
  expect(await script(`verify --order ${one}`)).toMatchObject({
    exitCode: 1,
    out: expect.stringContaining('ENDPOINT'),
    err: expect.stringContaining('rebuild endpoints'),
  });

  // The view is rebuilt from the journal, beside the one that is read.
  const rebuilding = { db, signal: new AbortController().signal, heartbeat: () => undefined };
  expect(await rebuildStateView(endpointLog, { ...rebuilding, rebuildId: 'r-1' })).toBe(true);
  expect(await proof()).toMatchObject({ found: 0 });

  // Missing events are recorded from the history, by a reconciliation or by a rebuild of the
  // journal.
  await journal(endpointLog, db).deleteMany({ orderId: other });
  await views().deleteOne({ _id: other });
  const report = await reconcile(endpointLog, deps, { runId: randomUUID() }, () => undefined);
  expect(report).toMatchObject({ orders: 3, repaired: 1, found: 0 });
  await journal(endpointLog, db).deleteMany({ orderId: one });
  const restoring = {
    ...rebuilding,
    ...deps,
    detectDatabaseLoss: async () => undefined,
    rebuildId: 'r-2',
  };
  expect(await rebuildJournal(endpointLog, restoring)).toBe(true);
  await until(async () => expect(await journal(endpointLog, db).countDocuments()).toBe(events));
  const { discrepancies } = await proof();
  expect(discrepancies.filter(({ where }) => where !== 'positions')).toEqual([]);
  expect(await db.collection('orders').countDocuments()).toBe(0);
  await stopSequencing();
  await Promise.all(handles.map((handle) => handle.terminate()));
});

test('recordings may be repeated and reordered, and a fork stops the endpoint', async () => {
  const { db } = api.mongo;
  const id = randomUUID();
  const handle = await start(id);
  await until(async () => expect(await views().findOne({ _id: id })).toMatchObject({ version: 1 }));
  const [first] = await journal(endpointLog, db).find({ orderId: id }).toArray();
  if (first === undefined) throw new Error('Nothing was recorded.');
  const { _id: _, recordedAt: _at, unsequenced: _not, ...created } = first;
  const [second, third] = [2, 3].map((version) => ({
    ...created,
    version,
    type: 'SecretRotated',
    data: { secretId: `s-${version}` },
  }));
  if (second === undefined || third === undefined) throw new Error('There are two.');
  await record(endpointLog, db, [third]);
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 1 });
  await Promise.all([record(endpointLog, db, [created, second]), record(endpointLog, db, [second])]);
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 3, secretIds: ['s-3', 's-2'] });
  const other = { ...second, data: { secretId: 'another' } };
  await expect(record(endpointLog, db, [other])).rejects.toMatchObject({ type: 'EventFork' });
  expect(await views().findOne({ _id: id })).toMatchObject({ version: 3, secretIds: ['s-3', 's-2'] });
  await handle.terminate();
});

test('an endpoint is resumed from its journal, and the replaced run records nothing more', async () => {
  const { db } = api.mongo;
  const id = randomUUID();
  const lost = await start(id);
  const rotate = message('rotate', { secretId: 'two' });
  await lost.executeUpdate('RotateSecret', { args: [rotate], updateId: messageId(rotate) });
  await until(async () => expect(await views().findOne({ _id: id })).toMatchObject({ version: 2 }));
  await lost.terminate();
  const deps = { client: api.client, db, taskQueue: api.config.temporal.taskQueue };
  const asked = { ...message('resume', {}), reason: 'terminated' };
  expect(JSON.parse((await script(`resume ${id} --dry-run --json`)).out)).toMatchObject({
    orderId: id,
    outcome: 'resumed',
  });
  expect((await script(`resume ${id} --dry-run`)).out).toContain('ENDPOINT');
  const report = await resume(endpointLog, deps, id, asked, { answerWithinMs: 20_000 });
  expect(report).toMatchObject({ outcome: 'resumed', version: 2, messages: [], refused: [] });
  expect(await resume(endpointLog, deps, id, asked)).toMatchObject({ outcome: 'already_resumed' });
  expect(JSON.parse((await script(`resume ${id} --json`)).out)).toMatchObject({ outcome: 'running' });
  const resumed = api.client.workflow.getHandle(`endpoint-${id}`);
  expect((await resumed.describe()).searchAttributes).toMatchObject({ OrderStatus: ['enabled'] });
  const view = { version: 3, secretIds: ['two', 'one'], resumed: { version: 3 } };
  await until(async () => expect(await views().findOne({ _id: id })).toMatchObject(view));
  // The new run knows a command of the earlier run.
  const { version } = await resumed.executeUpdate<Answer, [Message]>('RotateSecret', {
    args: [rotate],
    updateId: messageId(rotate),
  });
  expect(version).toBe(2);
  const events = await journal(endpointLog, db).find({ orderId: id }).sort({ version: 1 }).toArray();
  expect(events.map(({ type }) => type)).toEqual(['EndpointCreated', 'SecretRotated', 'EndpointResumed']);
  const [created] = events;
  if (created === undefined) throw new Error('Nothing was recorded.');
  const { _id: _, recordedAt: _at, unsequenced: _not, ...late } = { ...created, version: 4 };
  await expect(record(endpointLog, db, [late])).rejects.toMatchObject({ type: 'Superseded' });
  await resumed.cancel();
  expect(await resumed.result()).toMatchObject({ status: 'deleted' });
});
