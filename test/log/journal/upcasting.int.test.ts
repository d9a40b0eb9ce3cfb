import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { foldHistory, readHistoryLog } from '../../../src/log/history/history.js';
import { forks } from '../../../src/log/journal/fork.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { record } from '../../../src/log/recording/recording.js';
import { eventFork } from '../../../src/log/workflow/steps.js';
import { type ContinuedOrder, orderWorkflow, workflowId, orderLog } from '../../../src/order-log.js';
import type { OrderEvent, StoredEvent } from '../../../src/order/events.js';
import { fold } from '../../../src/order/evolve.js';
import { upcast } from '../../../src/order/upcasters.js';
import { orders as orderViews } from '../../../src/views/orders.js';
import { type StoredRun, storedRuns } from '../../golden/stored-events.js';
import { openDatabase } from '../../support/database.js';
import { uniqueName } from '../../support/servers.js';
import { Orders } from '../workflow/support.js';

const database = await openDatabase();
const { db } = database;
await ensureJournalIndexes(orderLog, db);
const orders = await Orders.open();
const runs = await storedRuns();
afterAll(() => Promise.all([database.close(), orders.close()]));

/** A stored log of the version that wrote `OrderCreated@1`, under another order id. */
function oldLog(
  orderId: string,
  name = 'returned-and-refunded.0.json',
): readonly [StoredEvent, ...StoredEvent[]] {
  const run: StoredRun | undefined = runs.get(name);
  const [first] = run?.events ?? [];
  if (run === undefined || first === undefined) throw new Error(`no history ${name}`);
  return JSON.parse(JSON.stringify(run.events).replaceAll(first.orderId, orderId));
}

async function inJournal(orderId: string) {
  const found = await journal(orderLog, db).find({ orderId }).sort({ version: 1 }).toArray();
  return found.map(({ _id, recordedAt: _recordedAt, unsequenced: _unsequenced, ...event }) => event);
}

test('an old log is recorded as it was written, and is upcast when it is read', async () => {
  const orderId = randomUUID();
  const log = oldLog(orderId);
  await record(orderLog, db, log);
  expect(await inJournal(orderId)).toStrictEqual(log);

  const today = log.map((event) => upcast(event));
  expect(today[0]).toMatchObject({ schemaVersion: 3, data: { charges: { shippingFee: 0 }, rules: 1 } });
  const read = await readJournal(orderLog, db, orderId);
  expect(read.map(({ recordedAt: _recordedAt, ...event }) => event)).toStrictEqual(today);
  expect((await orderViews(db).findOne({ _id: orderId }))?.state).toStrictEqual(fold(today));
});

test.each([
  ['an older worker’s, sent again', (old: StoredEvent) => [old, old]],
  ['an older worker’s, decided again in the replay of a newer one', (old: StoredEvent) => [old, upcast(old)]],
  ['a newer worker’s, then that of an older one', (old: StoredEvent) => [upcast(old), old]],
])('equal events are not a fork: %s', async (_, versionsOf) => {
  const orderId = randomUUID();
  const [created] = oldLog(orderId);
  const [first, second] = versionsOf(created);
  if (first === undefined || second === undefined) throw new Error('two of them');
  await record(orderLog, db, [first]);
  await record(orderLog, db, [second]);
  expect(await inJournal(orderId)).toStrictEqual([first]);
  expect(await forks(orderLog, db).findOne({ _id: orderId })).toBeNull();
});

test('another event is a fork, whichever version it was written in', async () => {
  const orderId = randomUUID();
  const [created] = oldLog(orderId);
  await record(orderLog, db, [created]);
  const other = { ...created, data: { ...created.data, shippingFee: 1 } };
  await expect(record(orderLog, db, [other])).rejects.toMatchObject({ type: eventFork });
  await expect(record(orderLog, db, [upcast(other)])).rejects.toMatchObject({ type: eventFork });
});

test('an event of a newer version is stored, and waits until a worker knows it', async () => {
  const orderId = randomUUID();
  const [created] = oldLog(orderId);
  const newer: StoredEvent = { ...created, schemaVersion: 99 };
  await expect(record(orderLog, db, [newer])).rejects.toThrow('OrderCreated@99');
  await expect(readJournal(orderLog, db, orderId)).rejects.toThrow('OrderCreated@99');
  expect(await inJournal(orderId)).toStrictEqual([newer]);
  expect(await orderViews(db).findOne({ _id: orderId })).toBeNull();
});

test('a run takes over old events that are not recorded yet, and passes them on unchanged', async () => {
  const orderId = randomUUID();
  const unrecorded = oldLog(orderId, 'out-of-stock.0.json');
  const order = fold(unrecorded.map((event): OrderEvent => upcast(event)));
  if (order === undefined) throw new Error('no order');
  const start: ContinuedOrder = { orderId, order, unrecorded, remembered: [] };
  const handle = await orders.client.workflow.start(orderWorkflow, {
    workflowId: workflowId(orderId),
    taskQueue: orders.taskQueue,
    args: [start],
  });
  await handle.result();
  const sent = orders.activities.steps
    .flatMap(({ events }) => events)
    .filter((event) => event.orderId === orderId);
  expect(sent).toStrictEqual(unrecorded);
  const log = await readHistoryLog(orderLog, orders.client, orderId);
  expect(log?.events).toStrictEqual(unrecorded.map((event) => upcast(event)));
  expect(log && foldHistory(orderLog, log)).toStrictEqual(order);
});

test('a history with both versions of one event is one log', async () => {
  const orderId = randomUUID();
  const unrecorded = oldLog(orderId, 'out-of-stock.0.json');
  const order = fold(unrecorded.map((event): OrderEvent => upcast(event)));
  if (order === undefined) throw new Error('no order');
  const today = unrecorded.map((event): StoredEvent => upcast(event));
  await orders.client.workflow.start(orderWorkflow, {
    workflowId: workflowId(orderId),
    taskQueue: uniqueName('unattended'),
    args: [{ orderId, order, unrecorded: [...unrecorded, ...today], remembered: [] }],
  });
  const log = await readHistoryLog(orderLog, orders.client, orderId);
  expect(log?.events).toStrictEqual(today);
});
