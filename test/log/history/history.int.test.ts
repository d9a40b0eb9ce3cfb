import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { foldHistory, readHistoryLog } from '../../../src/log/history/history.js';
import { messageId } from '../../../src/log/workflow/messages.js';
import { eventFork } from '../../../src/log/workflow/steps.js';
import {
  type ContinuedOrder,
  type NewOrder,
  orderWorkflow,
  workflowId,
  type OrderHistory,
  orderLog,
} from '../../../src/order-log.js';
import { fold } from '../../../src/order/evolve.js';
import { states } from '../../order/examples.js';
import { logOf } from '../../support/database.js';
import { deleteHistory } from '../../support/retention.js';
import { uniqueName } from '../../support/servers.js';
import { messageOf, newOrder, Orders, type StartedOrder } from '../workflow/support.js';

const orders = await Orders.open();
afterAll(() => orders.close());

/** Starts an order on a task queue without a worker. */
async function startUnattended(start: NewOrder | ContinuedOrder, client = orders.client): Promise<void> {
  await client.workflow.start(orderWorkflow, {
    workflowId: workflowId(start.orderId),
    taskQueue: uniqueName('unattended'),
    args: [start],
  });
}

async function historyOf(orderId: string, client = orders.client): Promise<OrderHistory> {
  const log = await readHistoryLog(orderLog, client, orderId);
  if (log === undefined) throw new Error(`Temporal knows no order ${orderId}`);
  return log;
}

/** The events in the inputs of an order's activities, each once. */
function recorded(orderId: string) {
  const events = orders.activities.steps
    .flatMap((step) => step.events)
    .filter((event) => event.orderId === orderId);
  return [...new Map(events.map((event) => [event.version, event])).values()].toSorted(
    (a, b) => a.version - b.version,
  );
}

async function confirmed(more: Partial<NewOrder> = {}) {
  const started = await orders.start({}, more);
  await started.order.until(({ order }) => order.status === 'confirmed');
  return started;
}

/** Adds notes until the order was continued as new `times` times. */
async function continueAsNew(order: StartedOrder, times: number): Promise<void> {
  const runs = new Set([await order.runId()]);
  while (runs.size <= times) {
    await order.update('AddNote', { text: 'one more' });
    runs.add(await order.runId());
  }
}

test('an order that Temporal does not know has no log', async () => {
  expect(await readHistoryLog(orderLog, orders.client, randomUUID())).toBeUndefined();
});

test('the log has the events that the activities were given, and folds to the workflow’s state', async () => {
  const { order, orderId } = await confirmed();
  const { shipmentId = '' } = await order.update('CreateShipment', {});
  await order.update('DispatchShipment', { shipmentId, carrier: 'DHL', trackingNumber: '1' });
  const state = await order.until(
    ({ order: { owed, captures }, unrecorded }) => captures.length === 1 && owed.length + unrecorded === 0,
  );
  const log = await historyOf(orderId);
  expect(log).toMatchObject({
    orderId,
    firstVersion: 1,
    isComplete: true,
    isForecast: false,
    isOpen: true,
  });
  expect(log).not.toHaveProperty('base');
  expect(log.events).toStrictEqual(recorded(orderId));
  expect(foldHistory(orderLog, log)).toStrictEqual(state.order);
});

test('the log of an order that no worker has begun is what its start command will decide', async () => {
  const orderId = randomUUID();
  const create = messageOf(newOrder);
  await startUnattended({ orderId, create });
  const log = await historyOf(orderId);
  expect(log).toMatchObject({ firstVersion: 1, isComplete: true, isForecast: true, isOpen: true });
  const { commandId, correlationId, actor } = create;
  const causationId = messageId(create);
  expect(log.events).toMatchObject([
    { type: 'OrderCreated', version: 1, commandId, correlationId, causationId, actor },
  ]);
  expect(foldHistory(orderLog, log)).toMatchObject({ orderId, status: 'pending', total: 3998 });
});

test('an invalid start command gives no log', async () => {
  const orderId = randomUUID();
  await startUnattended({ orderId, create: messageOf({ ...newOrder, lines: [] }) });
  const log = await historyOf(orderId);
  expect(log.events).toStrictEqual([]);
  expect(foldHistory(orderLog, log)).toBeUndefined();
});

test('the log covers all runs of an order', async () => {
  const { order, orderId } = await confirmed({ continueAsNewAfter: 25 });
  await continueAsNew(order, 2);
  const { order: state } = await order.until(({ unrecorded }) => unrecorded === 0);
  const log = await historyOf(orderId);
  expect(log).toMatchObject({ firstVersion: 1, isComplete: true });
  expect(log.events).toStrictEqual(recorded(orderId));
  expect(foldHistory(orderLog, log)).toStrictEqual(state);
});

test('if an earlier run has expired, the log starts after it, from the state that it handed over', async () => {
  const { order, orderId } = await confirmed({ continueAsNewAfter: 25 });
  const runId = await order.runId();
  await continueAsNew(order, 2);
  const { order: state } = await order.until(({ unrecorded }) => unrecorded === 0);
  await deleteHistory(orders.client, orderId, runId);
  const log = await historyOf(orderId);
  expect(log.isComplete).toBe(false);
  expect(log.firstVersion).toBeGreaterThan(1);
  expect(log.events).toStrictEqual(recorded(orderId).slice(log.firstVersion - 1));
  expect(foldHistory(orderLog, log)).toStrictEqual(state);
});

test('the log has events that a run was handed over and has not sent yet', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  const order = fold(log);
  if (order === undefined) throw new Error('the log is empty');
  await startUnattended({ orderId, order, unrecorded: log.slice(2), remembered: [] });
  const read = await historyOf(orderId);
  expect(read).toMatchObject({ events: log.slice(2), firstVersion: 3, isComplete: false, isForecast: false });
  expect(foldHistory(orderLog, read)).toStrictEqual(order);
});

test('if the kept runs have no events, the log starts with the next version', async () => {
  const orderId = randomUUID();
  const order = fold(logOf(states.confirmed, orderId));
  if (order === undefined) throw new Error('the log is empty');
  await startUnattended({ orderId, order, unrecorded: [], remembered: [] });
  const read = await historyOf(orderId);
  expect(read).toMatchObject({ events: [], firstVersion: order.version + 1, isComplete: false });
  expect(foldHistory(orderLog, read)).toStrictEqual(order);
});

test('two different events under one version are a fork, and a missing version is an error', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  const order = fold(log);
  const [first, second, third] = log;
  if (order === undefined || second === undefined || third === undefined) throw new Error('too short a log');
  const forked = { ...second, actor: 'somebody else' };
  await startUnattended({ orderId, order, unrecorded: [first, second, forked], remembered: [] });
  await expect(historyOf(orderId)).rejects.toMatchObject({ type: eventFork });

  const gap = randomUUID();
  await startUnattended({ orderId: gap, order, unrecorded: [first, third], remembered: [] });
  await expect(historyOf(gap)).rejects.toThrow('lacks version 2');
});

test('the log is read through the payload codecs of the client', async () => {
  const codec: PayloadCodec = {
    encode: async (payloads) => payloads.map((payload) => ({ ...payload, data: flipped(payload.data) })),
    decode: async (payloads) => payloads.map((payload) => ({ ...payload, data: flipped(payload.data) })),
  };
  const client = new Client({
    connection: orders.client.connection,
    dataConverter: { payloadCodecs: [codec] },
  });
  const orderId = randomUUID();
  await startUnattended({ orderId, create: messageOf(newOrder) }, client);
  expect((await historyOf(orderId, client)).events).toMatchObject([{ type: 'OrderCreated', orderId }]);
  await expect(historyOf(orderId)).rejects.toThrow();
});

function flipped(data: Uint8Array | null | undefined): Uint8Array {
  return (data ?? new Uint8Array()).map((byte) => byte ^ 0xff);
}
