import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stockOutside } from '../../../src/effects/inventory/stock-restore.js';
import { detectDatabaseLoss } from '../../../src/identity/database-identity.js';
import type { StoredEvent } from '../../../src/log/entity.js';
import { feedGenerations } from '../../../src/log/feed/generations.js';
import { storesOf } from '../../../src/log/entity-log/entity-log.js';
import { forks } from '../../../src/log/journal/fork.js';
import { journal } from '../../../src/log/journal/journal.js';
import { readJournal, readStoredEvents } from '../../../src/log/journal/read-journal.js';
import { restoreLog } from '../../../src/log/journal/truncated-log.js';
import { rebuildJournal } from '../../../src/log/rebuilding/rebuild-journal.js';
import { storeRebuilds } from '../../../src/log/rebuilding/store-rebuild.js';
import { storesStatus } from '../../../src/log/rebuilding/store-status.js';
import { stateQuery } from '../../../src/log/workflow/messages.js';
import {
  type ContinuedOrder,
  type OrderState,
  orderWorkflow,
  workflowId,
  orderLog,
} from '../../../src/order-log.js';
import { fold } from '../../../src/order/evolve.js';
import { upcast } from '../../../src/order/upcasters.js';
import { toView } from '../../../src/order/view.js';
import { orders, viewAndStopped } from '../../../src/views/orders.js';
import { states } from '../../order/examples.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { logOf } from '../../support/database.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { continuedAsNew, deleteHistory } from '../../support/retention.js';
import { startSequencing, untilSequenced } from '../../support/sequencing.js';
import { until } from '../../support/until.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ CONTINUE_AS_NEW_AFTER: '20' });
  await api.startWorker();
});
afterAll(() => api.close());

function rebuilding(signal = new AbortController().signal, rebuildId: string = randomUUID(), of = api) {
  const { mongo, client, config } = of;
  return {
    db: mongo.db,
    client,
    taskQueue: config.temporal.taskQueue,
    detectDatabaseLoss,
    outside: stockOutside,
    signal,
    rebuildId,
    heartbeat: () => undefined,
  };
}

/** Waits until Temporal's list, which lags, has all orders. */
async function listed(count: number, of = api): Promise<void> {
  const { client, config } = of;
  await until(async () => {
    const query = `WorkflowType = 'order' AND TaskQueue = '${config.temporal.taskQueue}' AND ExecutionStatus != 'ContinuedAsNew'`;
    expect((await client.workflow.count(query)).count).toBe(count);
  });
}

async function stateOf(orderId: string, of = api) {
  const { order } = await of.client.workflow.getHandle(workflowId(orderId)).query<OrderState>(stateQuery);
  return toView(order);
}

async function storedView(orderId: string, of = api) {
  return await orders(of.mongo.db).findOne({ _id: orderId }, { projection: viewAndStopped });
}

let placed: readonly string[] = [];

test('journal and orders come back from the histories, over several runs of an order', async () => {
  const { db } = api.mongo;
  placed = await Promise.all([placedOrder(api), placedOrder(api), placedOrder(api)]);
  await continuedAsNew(api, placed[0] ?? '', 2);
  await listed(3);
  const before = await Promise.all(placed.map((orderId) => readJournal(orderLog, db, orderId)));
  await Promise.all([journal(orderLog, db).deleteMany({}), orders(db).deleteMany({})]);

  const given = rebuilding();
  expect(await rebuildJournal(orderLog, given)).toBe(true);
  for (const [index, orderId] of placed.entries()) {
    const after = await readJournal(orderLog, db, orderId);
    expect(after.map(({ recordedAt: _recordedAt, ...event }) => event)).toEqual(
      before[index]?.map(({ recordedAt: _recordedAt, position: _position, ...event }) => event),
    );
    expect(await storedView(orderId)).toEqual(await stateOf(orderId));
  }
  expect((await storesStatus(db, storesOf(orderLog)))[1]).toMatchObject({
    rebuildId: given.rebuildId,
    exceptions: { count: 0, orderIds: [] },
  });
});

test('a rebuild changes nothing if the journal is complete', async () => {
  const { db } = api.mongo;
  const all = async () => await journal(orderLog, db).find().sort({ _id: 1 }).toArray();
  const before = await all();
  expect(await rebuildJournal(orderLog, rebuilding())).toBe(true);
  expect(await all()).toEqual(before);
});

test('a rebuild that was ended continues later', async () => {
  const { db } = api.mongo;
  await orders(db).deleteMany({});
  const rebuildId = randomUUID();
  expect(await rebuildJournal(orderLog, rebuilding(AbortSignal.abort(), rebuildId))).toBe(false);
  const [, store] = await storesStatus(db, storesOf(orderLog));
  expect(store).toMatchObject({ rebuilding: { rebuildId, done: 0, total: placed.length } });
  expect(await rebuildJournal(orderLog, rebuilding(undefined, rebuildId))).toBe(true);
  expect(await orders(db).countDocuments()).toBe(placed.length);
});

test('a rebuild whose worker ends half-way continues where it was', async () => {
  const { db } = api.mongo;
  await Promise.all([journal(orderLog, db).deleteMany({}), orders(db).deleteMany({})]);
  const rebuildId = randomUUID();
  const crash = new AbortController();
  const heartbeat = (done: number) => {
    if (done === 1) crash.abort();
  };
  expect(
    await rebuildJournal(orderLog, { ...rebuilding(crash.signal, rebuildId), heartbeat, pageSize: 1 }),
  ).toBe(false);
  const restored = (await orders(db).find().toArray()).map(({ orderId }) => orderId);
  expect(restored).toHaveLength(1);
  expect((await storesStatus(db, storesOf(orderLog)))[1]).toMatchObject({
    rebuilding: { rebuildId, done: 1 },
  });

  await orders(db).deleteMany({});
  expect(await rebuildJournal(orderLog, { ...rebuilding(undefined, rebuildId), pageSize: 1 })).toBe(true);
  const others = (await orders(db).find().toArray()).map(({ orderId }) => orderId);
  expect([...restored, ...others].toSorted()).toEqual(placed.toSorted());
  expect(await storeRebuilds(db).findOne({ rebuildId })).toMatchObject({ phase: 'done', done: 3, total: 3 });
});

test('orders that change while they are restored are whole in the end', async () => {
  const own = await startTestApi();
  try {
    await own.startWorker();
    const { db } = own.mongo;
    const open = await Promise.all(Array.from({ length: 4 }, () => placedOrder(own)));
    await listed(open.length, own);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all([journal(orderLog, db).deleteMany({}), orders(db).deleteMany({})]);
      const body = { text: `round ${round}` };
      const told = open.map((orderId) => own.post(`/v1/orders/${orderId}/notes`, { body }));
      expect(await rebuildJournal(orderLog, rebuilding(undefined, undefined, own))).toBe(true);
      for (const { status } of await Promise.all(told)) expect(status).toBe(200);
      for (const orderId of open) {
        const state = await stateOf(orderId, own);
        await until(async () => expect(await storedView(orderId, own)).toEqual(state));
        const versions = (await readJournal(orderLog, db, orderId)).map(({ version }) => version);
        expect(versions).toEqual(Array.from({ length: state.version }, (_, index) => index + 1));
      }
    }
  } finally {
    await own.close();
  }
});

test('events that had positions are restored, and the feed begins a new generation', async () => {
  const { db } = api.mongo;
  const stopSequencing = startSequencing(db);
  await untilSequenced(db);
  const { generation } = (await feedGenerations(orderLog, db)).current;
  expect(await rebuildJournal(orderLog, rebuilding())).toBe(true);
  expect((await feedGenerations(orderLog, db)).current).toMatchObject({ generation });
  const orderId = placed[0] ?? '';
  const [first] = await journal(orderLog, db).find({ orderId }).sort({ position: 1 }).toArray();
  await journal(orderLog, db).deleteMany({ orderId });
  expect(await rebuildJournal(orderLog, rebuilding())).toBe(true);
  await until(async () => {
    expect((await feedGenerations(orderLog, db)).commonWith(generation)).toBe((first?.position ?? 0) - 1);
  });
  await untilSequenced(db);
  await stopSequencing();
});

test('an order without its first runs is restored to its state, with the events left, and is named', async () => {
  const { db } = api.mongo;
  const [orderId = ''] = placed;
  const [firstRun] = await continuedAsNew(api, orderId, 1);
  await deleteHistory(api.client, orderId, (await runsOf(orderId))[0] ?? firstRun);
  const last = (await stateOf(orderId)).version;
  await Promise.all([journal(orderLog, db).deleteMany({ orderId }), orders(db).deleteMany({ _id: orderId })]);

  expect(await rebuildJournal(orderLog, rebuilding())).toBe(true);
  expect(await storedView(orderId)).toEqual(await stateOf(orderId));
  const events = await readJournal(orderLog, db, orderId);
  expect(events[0]?.version).toBeGreaterThan(1);
  expect(events.at(-1)?.version).toBe(last);
  expect((await storesStatus(db, storesOf(orderLog)))[1]).toMatchObject({
    exceptions: { count: 1, orderIds: [orderId] },
  });

  expect(await api.get(`/v1/orders/${orderId}?version=${last}`)).toMatchObject({
    status: 404,
    body: { code: 'log_incomplete', version: events[0]?.version },
  });
  const stopSequencing = startSequencing(db);
  await untilSequenced(db);
  await stopSequencing();

  // The order continues from there.
  const { status } = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, {
    body: { text: 'on' },
  });
  expect(status).toBe(200);
  expect(await storedView(orderId)).toEqual(await stateOf(orderId));
});

test('an order whose journal differs is named, and none of it is overwritten', async () => {
  const { db } = api.mongo;
  const orderId = placed[1] ?? '';
  const altered = { _id: `${orderId}:2` };
  await journal(orderLog, db).updateOne(altered, { $set: { actor: 'somebody else' } });
  expect(await rebuildJournal(orderLog, rebuilding())).toBe(true);
  expect(await journal(orderLog, db).findOne(altered)).toMatchObject({ actor: 'somebody else' });
  expect(await forks(orderLog, db).findOne({ _id: orderId })).toMatchObject({ version: 2 });
  const { exceptions } = (await storesStatus(db, storesOf(orderLog)))[1] ?? {};
  expect(exceptions?.orderIds).toContain(orderId);
});

test('an order whose history is not a log is named, and does not hold up other orders', async () => {
  const { db } = api.mongo;
  const orderId = randomUUID();
  await continued(
    orderId,
    logOf(states.confirmed, orderId).filter(({ version }) => version !== 2),
  );
  await listed(placed.length + 1);
  await Promise.all([
    journal(orderLog, db).deleteMany({}),
    orders(db).deleteMany({}),
    forks(orderLog, db).deleteMany({}),
  ]);

  expect(await rebuildJournal(orderLog, rebuilding())).toBe(true);
  const { exceptions } = (await storesStatus(db, storesOf(orderLog)))[1] ?? {};
  expect(exceptions?.orderIds).toContain(orderId);
  for (const other of placed) expect(await storedView(other)).toEqual(await stateOf(other));
});

test('an order without events is restored as its last run took it over', async () => {
  const { db } = api.mongo;
  const orderId = randomUUID();
  await continued(orderId, []);
  await listed(placed.length + 2);

  expect(await rebuildJournal(orderLog, rebuilding())).toBe(true);
  expect(await storedView(orderId)).toEqual(await stateOf(orderId));
  const { exceptions } = (await storesStatus(db, storesOf(orderLog)))[1] ?? {};
  expect(exceptions?.orderIds).toContain(orderId);
});

describe('an order whose first events are lost, and that no longer remembers its commands', () => {
  const note = (orderId: string, key: string, headers = {}) =>
    api.post(`/v1/orders/${orderId}/notes`, {
      body: { text: key },
      headers: { 'idempotency-key': key, ...headers },
    });

  async function withoutBeginning() {
    const { client, mongo } = api;
    const orderId = await placedOrder(api);
    expect((await note(orderId, 'K')).status).toBe(200);
    const version = (await stateOf(orderId)).version;
    await until(async () => expect(await storedView(orderId)).toMatchObject({ version }));
    const log = await readStoredEvents(orderLog, mongo.db, orderId);
    await client.workflow.getHandle(workflowId(orderId)).terminate();
    await journal(orderLog, mongo.db).deleteMany({ orderId });
    await restoreLog(orderLog, mongo.db, log.slice(2));
    await continued(orderId, [], { log, memoryFrom: version });
    return { orderId, version };
  }

  const notesOf = async (orderId: string) =>
    (await readJournal(orderLog, api.mongo.db, orderId)).filter(({ type }) => type === 'NoteAdded');

  test('recognizes a command that the journal still has, and continues', async () => {
    const { orderId, version } = await withoutBeginning();
    expect((await note(orderId, 'K', { prefer: 'respond-async' })).status).toBe(202);
    expect(await note(orderId, 'L')).toMatchObject({ status: 200, body: { version: version + 1 } });
    expect(await note(orderId, 'K')).toMatchObject({
      status: 200,
      headers: { 'idempotent-replayed': 'true' },
      body: { version, status: 'confirmed', events: [{ version, type: 'NoteAdded' }] },
    });
    await until(async () => expect(await notesOf(orderId)).toHaveLength(2));
  });

  test('answers also after its workflow has ended', async () => {
    const { orderId, version } = await withoutBeginning();
    await api.client.workflow.getHandle(workflowId(orderId)).terminate();
    expect(await note(orderId, 'K')).toMatchObject({
      status: 200,
      headers: { 'idempotent-replayed': 'true' },
    });
    expect(await note(orderId, 'L')).toMatchObject({
      status: 409,
      body: { code: 'workflow_ended', version },
    });
  });
});

/** Starts the second run of an order whose first run Temporal no longer keeps. */
async function continued(
  orderId: string,
  unrecorded: ContinuedOrder['unrecorded'],
  {
    log = logOf(states.confirmed, orderId).map(withoutExpiry),
    ...more
  }: Partial<ContinuedOrder> & { readonly log?: readonly StoredEvent[] } = {},
): Promise<void> {
  const { client, config } = api;
  const order = fold(log.map((event) => upcast(event)));
  if (order === undefined) throw new Error('The log is empty.');
  const start: ContinuedOrder = { orderId, order, unrecorded, remembered: [], ...more };
  const { taskQueue } = config.temporal;
  await client.workflow.start(orderWorkflow, { workflowId: workflowId(orderId), taskQueue, args: [start] });
  await until(async () => {
    const { unrecorded: left } = await client.workflow
      .getHandle(workflowId(orderId))
      .query<OrderState>(stateQuery);
    expect(left).toBe(0);
  });
}

/** An authorization that does not expire during the test. */
function withoutExpiry(event: OrderEvent): OrderEvent {
  if (event.type !== 'PaymentAuthorized') return event;
  return { ...event, data: { ...event.data, expiresAt: '2999-01-01T00:00:00.000Z' } };
}

/** Ids of an order's runs that were continued as new, oldest first. */
async function runsOf(orderId: string): Promise<readonly string[]> {
  const query = `WorkflowId = '${workflowId(orderId)}' AND ExecutionStatus = 'ContinuedAsNew'`;
  const runs: { readonly id: string; readonly at: Date }[] = [];
  for await (const run of api.client.workflow.list({ query }))
    runs.push({ id: run.runId, at: run.startTime });
  return runs.toSorted((a, b) => a.at.getTime() - b.at.getTime()).map(({ id }) => id);
}
