import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { pino } from 'pino';
import { undecidedOrders } from '../../src/api/queries/gauges/exposure.js';
import { enabledEndpoints } from '../../src/delivery/webhooks/endpoints.js';
import { journal } from '../../src/log/journal/journal.js';
import { latestReconciliations } from '../../src/log/proof/reconciliation-reports.js';
import { ensureParkedEventIndexes } from '../../src/log/views/parked-events.js';
import { buildsOf } from '../../src/log/views/view-builds.js';
import { rebuildStateView } from '../../src/log/rebuilding/rebuild-state-view.js';
import { rebuildFeedView } from '../../src/log/rebuilding/rebuild-feed-view.js';
import { requestRebuild } from '../../src/log/rebuilding/request-rebuild.js';
import { storeRebuilds } from '../../src/log/rebuilding/store-rebuild.js';
import {
  feedTaskQueue,
  rebuildWorkflow,
  rebuildWorkflowId,
  reconcileScheduleId,
  reconcileWorkflow,
} from '../../src/log/workflow/system-workflow-names.js';
import { logs } from '../../src/entity-logs.js';
import { orderLog } from '../../src/order-log.js';
import { createLogger, format } from '../../src/server/logging/logger.js';
import { listOwnWorkflows } from '../../src/upkeep/own-workflows.js';
import { ensureReconcileSchedule } from '../../src/upkeep/reconcile-schedule.js';
import { restartOwnWorkflows } from '../../src/upkeep/restart-own-workflows.js';
import { viewNamed } from '../../src/views/views.js';
import { startFeed } from '../../workers/roles/feed.js';
import { unheldTaskConcern } from '../../workers/roles/feed-concerns.js';
import type { RunningWorker } from '../../workers/roles/worker.js';
import { orderBody, placedOrder, startTestApi, type TestApi } from '../support/api.js';
import { uniqueName } from '../support/servers.js';
import { until } from '../support/until.js';

let api: TestApi;
let db: Db;
let feed: RunningWorker;
let taskQueue: string;
let scheduleId: string;

beforeAll(async () => {
  api = await startTestApi({ RECONCILE_INTERVAL: '1s' });
  ({ db } = api.mongo);
  ({ taskQueue } = api.config.temporal);
  scheduleId = reconcileScheduleId(taskQueue);
  await ensureParkedEventIndexes(db);
  await api.startWorker();
  feed = await startFeedProcess();
});
afterAll(async () => {
  await feed.stop();
  await api.client.schedule
    .getHandle(scheduleId)
    .delete()
    .catch(() => undefined);
  await api.close();
});

async function startFeedProcess(): Promise<RunningWorker> {
  const { config, temporal, mongo, tail } = api;
  const logger = createLogger('silent');
  const running = startFeed({
    config,
    temporal,
    mongo,
    tail,
    logger,
  });
  await running.ready;
  return running;
}

const runOf = (workflowId: string) => api.client.workflow.getHandle(workflowId);

/** The readiness of one dependency. */
async function readinessOf(name: string): Promise<{ status: string; detail?: string }> {
  const { body } = await api.get('/health/ready');
  return body.dependencies.find((one: { name: string }) => one.name === name);
}

/** Waits until new events have positions and every feed view has applied them. */
async function untilFeedIsApplied(): Promise<void> {
  await placedOrder(api);
  await until(async () => {
    const { body } = await api.get('/v1/projections');
    expect(body.feed).toMatchObject({ unsequenced: 0, head: await journal(orderLog, db).countDocuments() });
    for (const view of body.views) expect(view.eventsBehind).toBe(0);
  });
}

test('readiness reports nothing while everything runs', async () => {
  await untilFeedIsApplied();
  await until(async () => {
    expect(await readinessOf('feed')).toEqual({ name: 'feed', status: 'up' });
    expect(await readinessOf('reconciliation')).toEqual({ name: 'reconciliation', status: 'up' });
  });
});

test('readiness names each task of the feed once no process does it', async () => {
  const leases = await db.collection<{ readonly _id: string; readonly tasks: object }>('leases').findOne();
  const tasks = Object.keys(leases?.tasks ?? {});
  expect(tasks.length).toBeGreaterThan(logs.length);
  // Without an endpoint, the task that delivers webhooks need not be held.
  const endpoint = { _id: 'e-1', ...enabledEndpoints };
  await db.collection<{ readonly _id: string }>('endpoints').insertOne(endpoint);
  await feed.stop();
  try {
    await until(async () => {
      const concern = await unheldTaskConcern(db);
      expect(tasks.filter((task) => concern?.includes(`${task} `) !== true)).toEqual([]);
    });
  } finally {
    await db.collection<{ readonly _id: string }>('endpoints').deleteOne({ _id: 'e-1' });
    feed = await startFeedProcess();
  }
});

test('a standby process takes over the tasks of the feed’s process', async () => {
  const next = await startFeedProcess();
  await feed.stop();
  feed = next;
  await untilFeedIsApplied();
});

test('a schedule of an earlier version starts what this version runs', async () => {
  await feed.stop();
  const schedule = api.client.schedule.getHandle(scheduleId);
  const action = { type: 'startWorkflow', workflowType: 'reconcile', taskQueue: feedTaskQueue(taskQueue) };
  await schedule.update((now) => ({ ...now, action: { ...now.action, ...action } as typeof now.action }));
  feed = await startFeedProcess();
  const { action: updated } = await schedule.describe();
  expect(updated).toMatchObject({ workflowType: reconcileWorkflow, taskQueue });
});

test.each<[string, () => Promise<unknown>]>([
  ['was deleted', () => api.client.schedule.getHandle(scheduleId).delete()],
  ['had its own workflow terminated', () => runOf(`temporal-sys-scheduler:${scheduleId}`).terminate()],
])('the schedule of the reconciliation is made again after it %s, and reconciles', async (_, end) => {
  await end();
  const [before] = await latestReconciliations(orderLog, db, 1);
  const endedAt = new Date().toISOString();
  await until(async () => {
    const [latest] = await latestReconciliations(orderLog, db, 1);
    expect(latest?.runId).not.toBe(before?.runId);
    expect((latest?.startedAt ?? '') > endedAt).toBe(true);
    for (const log of logs) {
      const [ofLog] = await latestReconciliations(log, db, 1);
      expect((ofLog?.startedAt ?? '') > endedAt).toBe(true);
    }
    expect(await api.client.schedule.getHandle(scheduleId).describe()).toMatchObject({
      spec: { intervals: [{ every: 1_000 }] },
    });
  });
});

test('a schedule that an operator has paused stays paused, and readiness says why', async () => {
  const schedule = api.client.schedule.getHandle(scheduleId);
  await schedule.pause('moving the database');
  try {
    await until(async () =>
      expect(await readinessOf('reconciliation')).toMatchObject({
        status: 'degraded',
        detail: expect.stringContaining('paused (moving the database)'),
      }),
    );
  } finally {
    await schedule.unpause();
  }
  await until(async () => expect((await readinessOf('reconciliation')).status).toBe('up'));
});

test('while no process of the role feed runs, readiness names what is not done, and why', async () => {
  await feed.stop();
  await until(async () =>
    expect(await readinessOf('feed')).toMatchObject({
      status: 'degraded',
      detail: expect.stringMatching(/sequence-feed is done by no process since 20/),
    }),
  );
  await until(async () =>
    expect(await readinessOf('feed')).toMatchObject({
      code: 'no_worker',
      detail: expect.stringContaining(`no worker polls the task queue ${feedTaskQueue(taskQueue)}`),
    }),
  );
  feed = await startFeedProcess();
  await untilFeedIsApplied();
});

test.each([
  { by: 'this version, ended while it worked', type: rebuildWorkflow, hasBegun: true },
  { by: 'an earlier version, which had begun', type: 'rebuild', hasBegun: true },
  { by: 'an earlier version, which had not begun', type: 'rebuild', hasBegun: false },
])('a rebuild by $by, that no worker completes is begun again', async ({ type, hasBegun }) => {
  await feed.stop();
  const customers = viewNamed('customers');
  if (customers === undefined) throw new Error('There is no view customers.');
  const ended = { db, signal: AbortSignal.abort(), heartbeat: () => undefined };
  const rebuilt = async () => [
    (await buildsOf(db, 'customers'))?.rebuildId,
    (await storeRebuilds(db).findOne({ _id: 'orders' }))?.rebuildId,
  ];
  const earlier = await rebuilt();
  const runs = await Promise.all(
    ['customers', 'orders'].map(async (name) => {
      const isOwn = type === rebuildWorkflow;
      const handle = await api.client.workflow.start(type, {
        workflowId: rebuildWorkflowId(name, taskQueue),
        taskQueue: isOwn ? taskQueue : feedTaskQueue(taskQueue),
        args: [name],
      });
      const rebuildId = handle.firstExecutionRunId;
      if (hasBegun && name === 'orders')
        expect(await rebuildStateView(orderLog, { ...ended, rebuildId })).toBe(false);
      else if (hasBegun)
        expect(await rebuildFeedView(orderLog, customers, { ...ended, rebuildId })).toBe(false);
      if (isOwn) await handle.terminate('by mistake');
      return rebuildId;
    }),
  );
  feed = await startFeedProcess();
  await until(async () => {
    expect((await buildsOf(db, 'customers'))?.rebuilding).toBeUndefined();
    expect((await storeRebuilds(db).findOne({ _id: 'orders' }))?.phase).toBe('done');
    for (const [index, rebuildId] of (await rebuilt()).entries()) {
      expect(rebuildId).toEqual(expect.any(String));
      expect([...runs, earlier[index]]).not.toContain(rebuildId);
    }
    for (const name of ['customers', 'orders']) {
      const { status } = await runOf(rebuildWorkflowId(name, taskQueue)).describe();
      expect(status.name).toBe('COMPLETED');
    }
  });
});

describe('one look at the system’s own workflows', () => {
  let lines: string[];
  const since = new Date(0).toISOString();
  const restart = async (client: Client) => {
    lines = [];
    const logger = pino(format, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
    await restartOwnWorkflows({ db, client, taskQueue, reconcileEveryMs: 1_000, logger }, since);
  };

  beforeAll(async () => await feed.stop());
  afterAll(async () => void (feed = await startFeedProcess()));

  test('restarts everything else if one of them cannot be ended, and then fails', async () => {
    const { client } = api;
    const stranded = await client.workflow.start('reconcile', {
      workflowId: `${taskQueue}-stranded`,
      taskQueue: feedTaskQueue(taskQueue),
    });
    await client.schedule.getHandle(scheduleId).delete();
    await until(async () =>
      expect(await listOwnWorkflows({ client, taskQueue }, since)).toMatchObject({
        stranded: [{ workflowId: stranded.workflowId }],
        schedule: 'gone',
      }),
    );
    const terminate = () => Promise.reject(new Error('not allowed'));
    const workflow = Object.create(client.workflow, { getHandle: { value: () => ({ terminate }) } });
    const refusing = Object.create(client, { workflow: { value: workflow } });
    await expect(restart(refusing)).rejects.toThrow(`${stranded.workflowId}: not allowed`);
    expect(lines).toEqual(['The schedule of the reconciliation was gone and was created again.']);
    await client.schedule.getHandle(scheduleId).describe();
    await stranded.terminate();
  });

  test('does not report a new schedule that Temporal’s list does not show yet', async () => {
    await ensureReconcileSchedule({ client: api.client, taskQueue, everyMs: 1_000 });
    const listSchedules = () => Promise.resolve({ schedules: [] });
    const lagging = Object.create(api.client, { workflowService: { value: { listSchedules } } });
    await restart(lagging);
    expect(lines.filter((line) => line.includes('schedule'))).toEqual([]);
  });

  test('finds every rebuild that was ended, however many', async () => {
    const many = { client: api.client, taskQueue: uniqueName('many-rebuilds') };
    await Promise.all(
      Array.from({ length: 201 }, async (_, index) => {
        const handle = await api.client.workflow.start(rebuildWorkflow, {
          workflowId: rebuildWorkflowId(`view-${index}`, many.taskQueue),
          taskQueue: many.taskQueue,
        });
        await handle.terminate();
      }),
    );
    await until(async () => expect((await listOwnWorkflows(many, since)).endedRebuilds).toHaveLength(201));
  });
});

test('while no worker runs, a waiting rebuild is not counted as an order', async () => {
  const idle = await startTestApi();
  try {
    const { client, config } = idle;
    const waiting = { client, taskQueue: config.temporal.taskQueue };
    await requestRebuild(waiting, 'customers');
    const exposed = async () =>
      await undecidedOrders(client.connection, config.temporal.namespace, waiting.taskQueue);
    await until(async () => expect(await exposed()).toEqual({ count: 0, oldestMs: 0 }));
    await idle.post('/v1/orders', { body: orderBody() });
    await until(async () => expect(await exposed()).toMatchObject({ count: 1 }));
    await client.workflow.getHandle(rebuildWorkflowId('customers', waiting.taskQueue)).terminate();
  } finally {
    await idle.close();
  }
});
