import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { NativeConnection, Worker } from '@temporalio/worker';
import { shared, uniqueName } from '../../support/servers.js';
import { until } from '../../support/until.js';
import { Orders, terms, type ScriptedActivities } from './support.js';

const { EVENT_TYPE_TIMER_FIRED: timerFired, EVENT_TYPE_ACTIVITY_TASK_COMPLETED: activityCompleted } =
  temporal.api.enums.v1.EventType;

let native: NativeConnection;
let connection: Connection;
beforeAll(async () => {
  const address = shared.temporalAddress;
  [native, connection] = await Promise.all([
    NativeConnection.connect({ address }),
    Connection.connect({ address }),
  ]);
});
afterAll(async () => {
  await Promise.all([native.close(), connection.close()]);
});

interface Waiting {
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly activities: ScriptedActivities;
}

/** An order that waits for a timer and for the stock of its amendment, while no worker runs. */
async function amending(authorizationTtl: number): Promise<Waiting> {
  const taskQueue = uniqueName('orders');
  const orders = await Orders.open(taskQueue);
  const { activities } = orders;
  const { order } = await orders.start({ terms: { ...terms, authorizationTtl } });
  await order.until(
    ({ order: { status, owed }, unrecorded }) => status === 'confirmed' && owed.length + unrecorded === 0,
  );
  activities.on('reserve', async () => {
    throw new Error('away');
  });
  await order.update('AmendOrder', { lines: [{ sku: 'A-1', quantity: 3 }] });
  await until(async () => expect(activities.effects().at(-1)).toMatch(/:reserve:5$/));
  await orders.close();
  return { workflowId: order.handle.workflowId, taskQueue, activities };
}

async function happened({ workflowId }: Waiting): Promise<readonly unknown[]> {
  const { events } = await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).map(({ eventType }) => eventType);
}

// Decision 12 depends on this: without the result, the timer would have decided version 6.
test('a result that joins a task is decided before a timer that fired earlier', async () => {
  let authorizationTtl = 8_000;
  let waiting = await amending(authorizationTtl);
  // The timer has to fire while no worker runs.
  while ((await happened(waiting)).includes(timerFired)) waiting = await amending((authorizationTtl *= 2));
  const { activities, taskQueue } = waiting;
  await until(async () => expect(await happened(waiting)).toContain(timerFired));

  // A worker that runs only activities, so the result arrives after the timer, before any workflow
  // task has begun.
  activities.on('reserve', async () => ({ type: 'reserved' }));
  const activityWorker = await Worker.create({
    connection: native,
    taskQueue,
    activities: activities.implementations(),
  });
  await activityWorker.runUntil(
    until(async () => {
      const types = await happened(waiting);
      expect(types.lastIndexOf(activityCompleted)).toBeGreaterThan(types.indexOf(timerFired));
    }),
  );

  const orders = await Orders.open(taskQueue);
  const decided = () => orders.activities.recorded().map(({ version, type }) => `${version} ${type}`);
  await until(async () => expect(decided()).toContain('7 AuthorizationExpired'));
  expect(decided()).toContain('6 StockReserved');
  await orders.close();
});
