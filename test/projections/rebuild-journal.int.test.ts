import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { toView } from '../../src/domain/view.js';
import { forks } from '../../src/event-log/fork.js';
import { journal, readJournal } from '../../src/event-log/journal.js';
import { onlyView, orders } from '../../src/projections/orders.js';
import { rebuildJournal } from '../../src/projections/rebuilding/rebuild-journal.js';
import { projectionsStatus } from '../../src/projections/feeding/status.js';
import { type OrderState, stateQuery, workflowId } from '../../src/workflows/messages.js';
import { placedOrder, startTestApi, type TestApi } from '../support/api.js';
import { continuedAsNew, deleteHistory } from '../support/retention.js';
import { until } from '../support/until.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ CONTINUE_AS_NEW_AFTER: '20' });
  await api.startWorker();
});
afterAll(() => api.close());

function rebuilding(signal = new AbortController().signal, rebuildId: string = randomUUID()) {
  const { mongo, client, config } = api;
  const orderTaskQueue = config.temporal.taskQueue;
  return { db: mongo.db, client, orderTaskQueue, signal, rebuildId, beat: () => undefined };
}

/** Once visibility, which is a moment behind, has all orders. */
async function listed(count: number): Promise<void> {
  const { client, config } = api;
  await until(async () => {
    const query = `WorkflowType = 'order' AND TaskQueue = '${config.temporal.taskQueue}' AND ExecutionStatus != 'ContinuedAsNew'`;
    expect((await client.workflow.count(query)).count).toBe(count);
  });
}

async function stateOf(orderId: string) {
  const { order } = await api.client.workflow.getHandle(workflowId(orderId)).query<OrderState>(stateQuery);
  return toView(order);
}

async function storedView(orderId: string) {
  return await orders(api.mongo.db).findOne({ _id: orderId }, { projection: onlyView });
}

let placed: readonly string[] = [];

test('journal and orders come back from the histories, over several runs of an order', async () => {
  const { db } = api.mongo;
  placed = await Promise.all([placedOrder(api), placedOrder(api), placedOrder(api)]);
  await continuedAsNew(api, placed[0] ?? '', 2);
  await listed(3);
  const before = await Promise.all(placed.map((orderId) => readJournal(db, orderId)));
  await Promise.all([journal(db).deleteMany({}), orders(db).deleteMany({})]);

  const given = rebuilding();
  expect(await rebuildJournal(given)).toBe(true);
  for (const [index, orderId] of placed.entries()) {
    const after = await readJournal(db, orderId);
    expect(after.map(({ recordedAt: _recordedAt, ...event }) => event)).toEqual(
      before[index]?.map(({ recordedAt: _recordedAt, position: _position, ...event }) => event),
    );
    expect(await storedView(orderId)).toEqual(await stateOf(orderId));
  }
  expect((await projectionsStatus(db)).stores[1]).toMatchObject({
    rebuildId: given.rebuildId,
    exceptions: { count: 0, orderIds: [] },
  });
});

test('where all is there already, nothing changes', async () => {
  const { db } = api.mongo;
  const all = async () => await journal(db).find().sort({ _id: 1 }).toArray();
  const before = await all();
  expect(await rebuildJournal(rebuilding())).toBe(true);
  expect(await all()).toEqual(before);
});

test('a rebuild that is ended before goes on later', async () => {
  const { db } = api.mongo;
  await orders(db).deleteMany({});
  const rebuildId = randomUUID();
  expect(await rebuildJournal(rebuilding(AbortSignal.abort(), rebuildId))).toBe(false);
  const [, store] = (await projectionsStatus(db)).stores;
  expect(store).toMatchObject({ rebuilding: { rebuildId, done: 0, total: placed.length } });
  expect(await rebuildJournal(rebuilding(undefined, rebuildId))).toBe(true);
  expect(await orders(db).countDocuments()).toBe(placed.length);
});

test('an order whose first runs are gone comes back as it is now, with the events that are left, and is named', async () => {
  const { db } = api.mongo;
  const [orderId = ''] = placed;
  const [firstRun] = await continuedAsNew(api, orderId, 1);
  await deleteHistory(api.client, orderId, (await runsOf(orderId))[0] ?? firstRun);
  const last = (await stateOf(orderId)).version;
  await Promise.all([journal(db).deleteMany({ orderId }), orders(db).deleteMany({ _id: orderId })]);

  expect(await rebuildJournal(rebuilding())).toBe(true);
  expect(await storedView(orderId)).toEqual(await stateOf(orderId));
  const events = await readJournal(db, orderId);
  expect(events[0]?.version).toBeGreaterThan(1);
  expect(events.at(-1)?.version).toBe(last);
  expect((await projectionsStatus(db)).stores[1]).toMatchObject({
    exceptions: { count: 1, orderIds: [orderId] },
  });

  // It goes on from there.
  const { status } = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, {
    body: { text: 'on' },
  });
  expect(status).toBe(200);
  expect(await storedView(orderId)).toEqual(await stateOf(orderId));
});

test('an order whose journal tells another story is named, and nothing of it is overwritten', async () => {
  const { db } = api.mongo;
  const orderId = placed[1] ?? '';
  const altered = { _id: `${orderId}:2` };
  await journal(db).updateOne(altered, { $set: { actor: 'somebody else' } });
  expect(await rebuildJournal(rebuilding())).toBe(true);
  expect(await journal(db).findOne(altered)).toMatchObject({ actor: 'somebody else' });
  expect(await forks(db).findOne({ _id: orderId })).toMatchObject({ version: 2 });
  const { exceptions } = (await projectionsStatus(db)).stores[1] ?? {};
  expect(exceptions?.orderIds).toContain(orderId);
});

/** Ids of an order's runs that are closed, the first one first. */
async function runsOf(orderId: string): Promise<readonly string[]> {
  const query = `WorkflowId = '${workflowId(orderId)}' AND ExecutionStatus = 'ContinuedAsNew'`;
  const runs: { readonly id: string; readonly at: Date }[] = [];
  for await (const run of api.client.workflow.list({ query }))
    runs.push({ id: run.runId, at: run.startTime });
  return runs.toSorted((a, b) => a.at.getTime() - b.at.getTime()).map(({ id }) => id);
}
