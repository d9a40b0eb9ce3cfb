import { setTimeout } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { createFeedActivities } from '../src/log/feed/feeding.js';
import { logChanges } from '../src/server/log-changes.js';
import { messageOf } from '../src/outages/message-of.js';
import { within } from '../src/outages/timeout.js';
import { areOrdersOutdated } from '../src/log/views/rebuilding/rebuild-orders.js';
import { requestRebuild } from '../src/log/views/rebuilding/request-rebuild.js';
import { beginAgain } from '../src/upkeep/ended-rebuilds.js';
import {
  listOwnWorkflows,
  standingTasks,
  startStandingTask,
  type Upkept,
} from '../src/upkeep/own-workflows.js';
import { feedTaskQueue } from '../src/log/workflow/singleton-messages.js';
import { ensureReconcileSchedule } from './reconcile-schedule.js';
import type { RoleContext } from './role.js';
import { type RunningWorker, type WorkerContext, startWorker } from './worker.js';

const AGAIN_MS = 1_000;
const LOOK_WITHIN_MS = 1_000;
const REBUILD_WITHIN_MS = 10_000;
/** How often Temporal is asked whether the system's own workflows run. */
const LOOK_EVERY_MS = 3_000;
/** Temporal's lists are a moment old, and clocks differ. */
const OVERLAP_MS = 5 * 60_000;
const FIRST_LOOK_BACK_MS = 7 * 86_400_000;

/** The role `feed`: positions for events, and the views across orders. Any number may run: one works, the others stand by. */
export function startFeed(context: RoleContext & WorkerContext): RunningWorker {
  const orderTaskQueue = context.config.temporal.taskQueue;
  const taskQueue = feedTaskQueue(orderTaskQueue);
  const worker = startWorker(context, {
    taskQueue,
    activities: createFeedActivities({ db: context.mongo.db, tail: context.tail, orderTaskQueue }),
  });
  const stopping = new AbortController();
  const client = new Client({
    connection: context.temporal,
    namespace: context.config.temporal.namespace,
  });
  const upkept = { client, taskQueue, orderTaskQueue };
  const started = startTasks(context, upkept, stopping.signal);
  const kept = started.then(() => keepUp(context, upkept, stopping.signal));
  const rebuilt = rebuildOutdatedOrders(context, taskQueue, stopping.signal);
  return {
    ready: Promise.all([worker.ready, started]).then(() => undefined),
    async stop() {
      stopping.abort();
      await Promise.all([worker.stop(), kept, rebuilt]);
    },
  };
}

/** Idempotent: work that stands already goes on. Tries until Temporal is there. */
async function startTasks({ config, logger }: RoleContext, upkept: Upkept, stopping: AbortSignal) {
  const changes = logChanges(logger, {
    fails: (problem) => `The feed's work is not started yet: ${problem}`,
    works: "The feed's work is started.",
  });
  while (!stopping.aborted) {
    try {
      for (const task of standingTasks) await startStandingTask(upkept, task);
      await ensureReconcileSchedule({ ...upkept, everyMs: config.reconcileEveryMs });
      changes.worked();
      return;
    } catch (error) {
      changes.failed(error);
      await setTimeout(AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

/**
 * Starts again what was ended from outside: standing work, the schedule of the reconciliation, a rebuild that was under way.
 * A schedule that is paused stays so: a person has said why, and readiness tells it.
 */
async function keepUp({ config, mongo, logger }: RoleContext, upkept: Upkept, stopping: AbortSignal) {
  let since = Date.now() - FIRST_LOOK_BACK_MS;
  while (!stopping.aborted) {
    const lookedAt = Date.now();
    try {
      const { missing, endedRebuilds, schedule } = await listOwnWorkflows(
        upkept,
        new Date(since).toISOString(),
      );
      for (const task of missing) {
        if (await startStandingTask(upkept, task))
          logger.warn(`The workflow of ${task.activity} ${task.name} had ended and is started again.`);
      }
      if (schedule === 'gone') {
        await ensureReconcileSchedule({ ...upkept, everyMs: config.reconcileEveryMs });
        logger.warn('The schedule of the reconciliation was gone and is made again.');
      }
      for (const ended of endedRebuilds) {
        if (await within(REBUILD_WITHIN_MS, beginAgain(mongo.db, upkept, ended)))
          logger.warn(`The rebuild of ${ended.name} had ended before its time and is begun again.`);
      }
      since = lookedAt - OVERLAP_MS;
    } catch (error) {
      logger.debug(`It is not known whether the feed's work goes on: ${messageOf(error)}`);
    }
    await setTimeout(LOOK_EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** Requests a rebuild of the view `orders` until one to this version is begun. The views across orders see to it themselves. */
async function rebuildOutdatedOrders(
  { temporal, config, mongo, logger }: RoleContext,
  taskQueue: string,
  stopping: AbortSignal,
) {
  const client = new Client({ connection: temporal, namespace: config.temporal.namespace });
  const changes = logChanges(logger, {
    fails: (problem) => `It is not known yet whether orders are to be rebuilt: ${problem}`,
    works: 'It is known whether orders are to be rebuilt.',
  });
  while (!stopping.aborted) {
    try {
      const areOutdated = await within(LOOK_WITHIN_MS, areOrdersOutdated(mongo.db));
      if (areOutdated) await requestRebuild({ client, taskQueue }, 'orders');
      changes.worked();
      if (!areOutdated) return;
    } catch (error) {
      changes.failed(error);
    }
    await setTimeout(AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}
