import { setTimeout } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { createFeedActivities } from '../src/activities/feed.js';
import { messageOf } from '../src/platform/message-of.js';
import { within } from '../src/platform/within.js';
import { areOrdersOutdated } from '../src/projections/rebuilding/rebuild-orders.js';
import { requestRebuild } from '../src/projections/rebuilding/request-rebuild.js';
import { views } from '../src/projections/views.js';
import {
  type StandingTask,
  feedTaskQueue,
  standingWorkflow,
  standingWorkflowId,
} from '../src/workflows/standing-messages.js';
import { ensureReconcileSchedule } from './reconcile-schedule.js';
import type { RoleContext } from './role.js';
import { type RunningWorker, type WorkerContext, startWorker } from './worker.js';

/** What goes on for as long as there is a feed. */
const standingTasks: readonly StandingTask[] = [
  { activity: 'sequence', name: 'feed' },
  ...views.map(({ name }) => ({ activity: 'project', name }) as const),
];

const AGAIN_MS = 1_000;
const LOOK_WITHIN_MS = 1_000;

/** The role `feed`: positions for events, and the views across orders. Any number may run: one works, the others stand by. */
export function startFeed(context: RoleContext & WorkerContext): RunningWorker {
  const orderTaskQueue = context.config.temporal.taskQueue;
  const taskQueue = feedTaskQueue(orderTaskQueue);
  const worker = startWorker(context, {
    taskQueue,
    activities: createFeedActivities({ db: context.mongo.db, tail: context.tail, orderTaskQueue }),
  });
  const stopping = new AbortController();
  const started = startTasks(context, taskQueue, stopping.signal);
  const rebuilt = rebuildOutdatedOrders(context, taskQueue, stopping.signal);
  return {
    ready: Promise.all([worker.ready, started]).then(() => undefined),
    async stop() {
      stopping.abort();
      await Promise.all([worker.stop(), started, rebuilt]);
    },
  };
}

/** Idempotent: work that stands already goes on. Tries until Temporal is there. */
async function startTasks(
  { temporal, config, logger }: RoleContext,
  taskQueue: string,
  stopping: AbortSignal,
) {
  const client = new Client({ connection: temporal, namespace: config.temporal.namespace });
  while (!stopping.aborted) {
    try {
      for (const task of standingTasks) {
        await client.workflow.start(standingWorkflow, {
          workflowId: standingWorkflowId(task, taskQueue),
          taskQueue,
          args: [task],
          workflowIdConflictPolicy: 'USE_EXISTING',
          staticSummary: `${task.activity} ${task.name}`,
        });
      }
      await ensureReconcileSchedule({
        client,
        taskQueue,
        orderTaskQueue: config.temporal.taskQueue,
        everyMs: config.reconcileEveryMs,
      });
      return;
    } catch (error) {
      logger.warn(`The feed's work is not started yet: ${messageOf(error)}`);
      await setTimeout(AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

/** Requests a rebuild of the view `orders` until one to this version is begun. The views across orders see to it themselves. */
async function rebuildOutdatedOrders(
  { temporal, config, mongo, logger }: RoleContext,
  taskQueue: string,
  stopping: AbortSignal,
) {
  const client = new Client({ connection: temporal, namespace: config.temporal.namespace });
  while (!stopping.aborted) {
    try {
      if (!(await within(LOOK_WITHIN_MS, areOrdersOutdated(mongo.db)))) return;
      await requestRebuild({ client, taskQueue }, 'orders');
    } catch (error) {
      logger.warn(`It is not known yet whether orders are to be rebuilt: ${messageOf(error)}`);
    }
    await setTimeout(AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}
