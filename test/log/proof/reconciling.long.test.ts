import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Db, UpdateFilter } from 'mongodb';
import { reconcileOrders } from '../../../src/effects/proof/reconcile-orders.js';
import { verifyOrders } from '../../../src/effects/proof/verify-orders.js';
import { feedGenerations, feedState } from '../../../src/log/feed/generations.js';
import { noteFork } from '../../../src/log/journal/fork.js';
import { journal, type JournalDocument } from '../../../src/log/journal/journal.js';
import { readStoredEvents } from '../../../src/log/journal/read-journal.js';
import { updateStateView } from '../../../src/log/recording/update-state-view.js';
import { endedReason, markStopped } from '../../../src/log/journal/stops.js';
import { latestReconciliations, reconciliations } from '../../../src/log/proof/reconciliation-reports.js';
import { reconcileScheduleId } from '../../../src/log/workflow/system-workflow-names.js';
import { orderLog } from '../../../src/order-log.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { orders } from '../../../src/views/orders.js';
import { startFeed } from '../../../workers/roles/feed.js';
import { placedOrder, startTestApi, terminateWhenRecorded, type TestApi } from '../../support/api.js';
import { deleteHistory } from '../../support/retention.js';
import { startSequencing, untilSequenced } from '../../support/sequencing.js';
import { until } from '../../support/until.js';

let api: TestApi;
let db: Db;
beforeAll(async () => {
  api = await startTestApi({ RECONCILE_INTERVAL: '1s' });
  ({ db } = api.mongo);
  await api.startWorker();
});
afterAll(async () => {
  await api.close();
});

async function reconciled(rotationLimit?: number, heartbeat: (checked: number) => void = () => {}) {
  const { client, config } = api;
  return await reconcileOrders(
    {
      client,
      db,
      taskQueue: config.temporal.taskQueue,
      maxPauseMs: 0,
      ...(rotationLimit !== undefined && { rotationLimit, recentLimit: 0 }),
    },
    { runId: randomUUID() },
    heartbeat,
  );
}

/**
 * Waits until Temporal's list, which lags, has this many orders with their current status. An order
 * of this file is confirmed while its workflow runs.
 */
async function listed(count: number): Promise<void> {
  const query = `WorkflowType = 'order' AND TaskQueue = '${api.config.temporal.taskQueue}'`;
  const undecided = `${query} AND ExecutionStatus = 'Running' AND OrderStatus != 'confirmed'`;
  await until(async () => {
    expect((await api.client.workflow.count(query)).count).toBe(count);
    expect((await api.client.workflow.count(undecided)).count).toBe(0);
  });
}

/** Ends an order's workflow before its order, and waits until Temporal's list shows that. */
async function terminated(orderId: string): Promise<void> {
  await terminateWhenRecorded(api, orderId);
  const query = `WorkflowId = 'order-${orderId}' AND ExecutionStatus = 'Terminated'`;
  await until(async () => expect((await api.client.workflow.count(query)).count).toBe(1));
}

/** Waits until every event has a position, and the sequencer has noted the last one. */
async function positioned(): Promise<void> {
  await untilSequenced(db);
  await until(async () => {
    const [last] = await journal(orderLog, db).find().sort({ position: -1 }).limit(1).toArray();
    expect((await feedState(db).findOne())?.position).toBe(last?.position);
  });
}

let placed = 0;
async function place(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const orderId = await placedOrder(api, more);
  placed += 1;
  await listed(placed);
  return orderId;
}

/** Verifies an order without its positions, because most of these tests run no sequencer. */
async function proven(orderId: string) {
  const { discrepancies } = await verifyOrders(
    { client: api.client, db, taskQueue: api.config.temporal.taskQueue },
    { orderId, maxPauseMs: 0 },
  );
  return discrepancies.every(({ where }) => where === 'positions');
}

/** Waits until the order is proven, because a busy worker may be late with the workflow's state. */
async function becomesProven(orderId: string): Promise<void> {
  await until(async () => expect(await proven(orderId)).toBe(true));
}

describe('a reconciliation', () => {
  test('finds nothing to do if all is well, compares each of a few orders whole, and is kept', async () => {
    await place();
    await place({ payment: { method: 'tok_declined' } });
    const report = await reconciled();
    expect(report).toMatchObject({ orders: 2, compared: 2, repaired: 0, found: 0, discrepancies: [] });
    expect(await latestReconciliations(orderLog, db, 1)).toEqual([report]);
  });

  test('shows progress with each page that it lists, and with each batch that it compares', async () => {
    while (placed < 5) await place();
    const steps: number[] = [];
    const { orders: count, compared } = await reconciled(undefined, (checked) => steps.push(checked));
    expect({ count, compared }).toEqual({ count: 5, compared: 5 });
    expect(steps.filter((checked) => checked > 0)).toEqual([5, 4, 1]);
  });

  test.each<[string, (orderId: string) => Promise<unknown>]>([
    ['the journal lacks', (orderId) => journal(orderLog, db).deleteOne({ _id: `${orderId}:2` })],
    [
      'the journal and the view lack',
      async (orderId) => {
        await journal(orderLog, db).deleteMany({ orderId });
        await orders(db).deleteOne({ _id: orderId });
      },
    ],
    ['the view lacks', (orderId) => orders(db).deleteOne({ _id: orderId })],
  ])('records from the history what %s', async (_, lose) => {
    const open = await place();
    const closed = await place({ payment: { method: 'tok_declined' } });
    for (const orderId of [open, closed]) {
      await lose(orderId);
      expect(await proven(orderId)).toBe(false);
    }
    const report = await reconciled();
    expect(report).toMatchObject({ repaired: 2, found: 0 });
    expect(new Set(report.repairedOrders)).toEqual(new Set([open, closed]));
    for (const orderId of [open, closed]) await becomesProven(orderId);
    expect(await reconciled()).toMatchObject({ repaired: 0, found: 0 });
  });

  test('finds over time what journal and view both lack, though they agree', async () => {
    const orderIds: string[] = [];
    for (let count = 0; count < 5; count += 1) orderIds.push(await place());
    for (const orderId of orderIds) {
      const { body } = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, {
        body: { text: 'lost' },
      });
      await journal(orderLog, db).deleteOne({ _id: `${orderId}:${body.version}` });
      await orders(db).deleteOne({ _id: orderId });
      await updateStateView(orderLog, db, orderId);
    }
    const repaired: string[] = [];
    for (let looked = 0; looked < placed; looked += 2) {
      const report = await reconciled(2);
      expect(report).toMatchObject({ compared: 2, found: 0 });
      repaired.push(...report.repairedOrders);
    }
    expect(repaired.toSorted()).toEqual(orderIds.toSorted());
    for (const orderId of orderIds) await becomesProven(orderId);
  });

  test('restores events that had positions, after the feed began a new generation', async () => {
    const orderId = await place();
    const begun = async () => (await feedGenerations(orderLog, db)).all.length;
    await journal(orderLog, db).deleteOne({ _id: `${orderId}:2` });
    expect(await reconciled()).toMatchObject({ repaired: 1, found: 0 });

    const stopSequencing = startSequencing(db);
    await positioned();
    expect(await begun()).toBe(1);
    const lost = await journal(orderLog, db).findOneAndDelete({ _id: `${orderId}:2` });
    expect(await reconciled()).toMatchObject({ repaired: 1, found: 0 });
    await until(async () => {
      const { current, all } = await feedGenerations(orderLog, db);
      expect(all).toHaveLength(2);
      expect(current).toMatchObject({ commonUntil: (lost?.position ?? 0) - 1, lost: 1 });
    });
    await positioned();
    expect(await reconciled()).toMatchObject({ repaired: 0, found: 0 });
    expect(await begun()).toBe(2);
    await stopSequencing();
  });

  test('reports differences, and overwrites nothing', async () => {
    const orderId = await place();
    await journal(orderLog, db).updateOne({ _id: `${orderId}:2` }, { $set: { actor: 'nobody' } });
    await orders(db).updateOne({ _id: orderId }, { $set: { total: 1 } });
    const before = [
      await journal(orderLog, db).find({ orderId }).toArray(),
      await orders(db).findOne({ _id: orderId }),
    ];
    const report = await reconciled();
    expect(report).toMatchObject({ repaired: 0, found: 2 });
    expect(report.discrepancies).toEqual([
      expect.objectContaining({ orderId, where: 'view', kind: 'differs' }),
      expect.objectContaining({ orderId, version: 2, where: 'journal', kind: 'differs' }),
    ]);
    expect([
      await journal(orderLog, db).find({ orderId }).toArray(),
      await orders(db).findOne({ _id: orderId }),
    ]).toEqual(before);
    await until(async () =>
      expect((await api.get('/health/ready')).body.dependencies).toContainEqual(
        expect.objectContaining({
          name: 'reconciliation',
          status: 'degraded',
          detail: expect.stringContaining(orderId),
        }),
      ),
    );
    await terminateWhenRecorded(api, orderId);
    await deleteHistory(api.client, orderId);
    await journal(orderLog, db).deleteMany({ orderId });
    await orders(db).deleteOne({ _id: orderId });
    placed -= 1;
    await listed(placed);
  });

  test.each<[string, string, (orderId: string) => Promise<void>]>([
    ['was terminated', 'terminated', terminated],
    [
      'is gone, with its history',
      'no workflow',
      async (orderId) => {
        await terminated(orderId);
        await deleteHistory(api.client, orderId);
        placed -= 1;
      },
    ],
  ])('reports an order that is not finished and whose workflow %s, with its remedy', async (_, word, end) => {
    const orderId = await place();
    await end(orderId);
    await listed(placed);
    const remedy = `npx orders resume ${orderId}`;
    const expected = expect.objectContaining({ orderId, where: 'workflow', kind: 'stopped', remedy });
    const report = await reconciled(0);
    expect(report.discrepancies).toEqual([expected]);
    expect(report.discrepancies[0]?.detail).toContain(word);
    expect((await reconciled(0)).discrepancies).toEqual([expected]);
    const detail = expect.stringContaining(remedy);
    await until(async () =>
      expect((await api.get('/health/ready')).body.dependencies).toContainEqual(
        expect.objectContaining({ name: 'reconciliation', detail }),
      ),
    );

    const shown = (await api.get(`/v1/orders/${orderId}`)).body;
    expect(shown.allowedCommands).toEqual([]);
    expect(shown.blockedCommands.cancel).toContain(remedy);
    const { data } = (await api.get('/v1/orders?limit=200')).body;
    const { attention: _attention, ...inList } = shown;
    expect(data).toContainEqual(inList);

    const resumed = await api.post(`/v1/orders/${orderId}/resume`, { body: {} });
    expect(resumed.body.outcome).toBe('resumed');
    if (word === 'no workflow') placed += 1;
    await becomesProven(orderId);
    await until(async () =>
      expect((await api.get(`/v1/orders/${orderId}`)).body.allowedCommands).toContain('cancel'),
    );
    await listed(word === 'no workflow' ? placed : (placed += 1));
    expect(await reconciled()).toMatchObject({ found: 0 });
  });

  test('removes the mark from every order whose workflow runs', async () => {
    const orderId = await place();
    await markStopped(orderLog, db, orderId, endedReason(orderLog, orderId, 'terminated'));
    expect((await api.get(`/v1/orders/${orderId}`)).body.allowedCommands).toEqual([]);
    expect(await reconciled(0)).toMatchObject({ found: 0 });
    await until(async () =>
      expect((await api.get(`/v1/orders/${orderId}`)).body.allowedCommands).toContain('cancel'),
    );
  });

  test('leaves the mark of a forked order as it is, though its workflow has ended too', async () => {
    const orderId = await place();
    const [event] = await readStoredEvents(orderLog, db, orderId);
    if (event === undefined) throw new Error('the order has no events');
    await noteFork(orderLog, db, event, event);
    const markOf = async () => (await orders(db).findOne({ _id: orderId }))?.stopped;
    const mark = await markOf();
    expect(mark?.code).toBe('order_forked');
    await terminated(orderId);
    for (let count = 0; count < 2; count += 1) {
      const { discrepancies } = await reconciled(0);
      expect(discrepancies).toEqual([expect.objectContaining({ orderId, code: 'workflow_ended' })]);
      expect(await markOf()).toEqual(mark);
    }
    expect((await api.post(`/v1/orders/${orderId}/resume`, { body: {} })).body.outcome).toBe('resumed');
    await becomesProven(orderId);
    await listed((placed += 1));
    expect(await reconciled()).toMatchObject({ found: 0 });
  });

  test.each<[string, UpdateFilter<JournalDocument>]>([
    ['its type', { $set: { type: 'Nonsense' } }],
    ['its version', { $set: { schemaVersion: 99 } }],
    ['its data', { $unset: { 'data.lines': '' } }],
  ])('reports an event that cannot be read, by %s, and repairs the other orders', async (_, change) => {
    const [altered, behind] = [await place(), await place()];
    const event = { _id: `${altered}:1` };
    const kept = await journal(orderLog, db).findOne(event);
    await journal(orderLog, db).updateOne(event, change);
    await orders(db).deleteOne({ _id: behind });
    const report = await reconciled();
    expect(report).toMatchObject({ repaired: 1, repairedOrders: [behind] });
    expect(report.discrepancies).toContainEqual(
      expect.objectContaining({ orderId: altered, where: 'journal', kind: 'differs' }),
    );
    expect(report.discrepancies.every(({ orderId }) => orderId === altered)).toBe(true);
    if (kept !== null) await journal(orderLog, db).replaceOne(event, kept);
    expect(await reconciled()).toMatchObject({ found: 0 });
  });

  test('is kept if it is one of the latest hundred', async () => {
    const report = await reconciled();
    const older = Array.from({ length: 120 }, (_, index) => {
      const at = new Date(1_700_000_000_000 + index).toISOString();
      const runId = randomUUID();
      return { ...report, _id: runId, runId, startedAt: at, finishedAt: at };
    });
    await reconciliations(orderLog, db).insertMany(older);
    await reconciled();
    expect(await reconciliations(orderLog, db).countDocuments()).toBe(100);
  });
});

test('the role feed reconciles at intervals, and again after a restart', async () => {
  const orderId = await place();
  await journal(orderLog, db).deleteMany({ orderId });
  const context = {
    config: api.config,
    temporal: api.temporal,
    mongo: api.mongo,
    tail: api.tail,
    logger: createLogger('silent'),
  };
  const schedule = api.client.schedule.getHandle(reconcileScheduleId(api.config.temporal.taskQueue));
  try {
    const feed = startFeed(context);
    await feed.ready;
    await becomesProven(orderId);
    await feed.stop();
    const slower = startFeed({ ...context, config: { ...api.config, reconcileEveryMs: 3_600_000 } });
    await slower.ready;
    expect((await schedule.describe()).spec.intervals?.map(({ every }) => every)).toEqual([3_600_000]);
    // Runs do not overlap, so waits until the run that the first feed process started has ended.
    await until(async () => expect((await schedule.describe()).info.runningActions).toEqual([]), 60);
    await orders(db).deleteOne({ _id: orderId });
    await schedule.trigger();
    await becomesProven(orderId);
    await slower.stop();
  } finally {
    await schedule.delete();
  }
});
