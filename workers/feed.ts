import { setTimeout } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { createFeedActivities } from './feed-activities.js';
import { logChanges } from '../src/server/log-changes.js';
import { messageOf } from '../src/outages/message-of.js';
import { withTimeout } from '../src/outages/timeout.js';
import { isStateViewOutdated } from '../src/log/views/rebuilding/rebuild-state-view.js';
import { logs } from '../src/logs.js';
import { requestRebuild } from '../src/log/views/rebuilding/request-rebuild.js';
import { restartEndedRebuild } from '../src/upkeep/ended-rebuilds.js';
import {
  listOwnWorkflows,
  singletonTasks,
  startSingleton,
  type Deployment,
} from '../src/upkeep/own-workflows.js';
import { feedTaskQueue } from '../src/log/workflow/singleton-messages.js';
import { ensureReconcileSchedule } from './reconcile-schedule.js';
import type { RoleContext } from './role.js';
import { type RunningWorker, type WorkerContext, startWorker } from './worker.js';

const RETRY_MS = 1_000;
const QUERY_TIMEOUT_MS = 1_000;
const REBUILD_TIMEOUT_MS = 10_000;
/** How often Temporal is asked whether the system's own workflows are running. */
const CHECK_EVERY_MS = 3_000;
/** Covers the lag of Temporal's list and the difference of clocks. */
const OVERLAP_MS = 5 * 60_000;
const FIRST_LOOK_BACK_MS = 7 * 86_400_000;

/**
 * The role `feed`: gives positions to events, and updates the views across orders. Any number of
 * processes may run: for each task one is active, the others stand by.
 */
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
  const deployment = { client, taskQueue, orderTaskQueue };
  const started = startTasks(context, deployment, stopping.signal);
  const kept = started.then(() => restartEnded(context, deployment, stopping.signal));
  const rebuilt = rebuildOutdated(context, taskQueue, stopping.signal);
  return {
    ready: Promise.all([worker.ready, started]).then(() => undefined),
    async stop() {
      stopping.abort();
      await Promise.all([worker.stop(), kept, rebuilt]);
    },
  };
}

/**
 * Starts the singleton workflows and the schedule, unless they exist. Retries until Temporal is
 * there.
 */
async function startTasks({ config, logger }: RoleContext, deployment: Deployment, stopping: AbortSignal) {
  const changes = logChanges(logger, {
    fails: (problem) => `The feed's workflows are not started yet: ${problem}`,
    works: "The feed's workflows are started.",
  });
  while (!stopping.aborted) {
    try {
      for (const task of singletonTasks) await startSingleton(deployment, task);
      await ensureReconcileSchedule({ ...deployment, everyMs: config.reconcileEveryMs });
      changes.worked();
      return;
    } catch (error) {
      changes.failed(error);
      await setTimeout(RETRY_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

/**
 * Starts again what was ended from outside: singleton workflows, the reconciliation's schedule,
 * rebuilds. A paused schedule stays paused, because a person has paused it; readiness reports that.
 */
async function restartEnded(
  { config, mongo, logger }: RoleContext,
  deployment: Deployment,
  stopping: AbortSignal,
) {
  let since = Date.now() - FIRST_LOOK_BACK_MS;
  while (!stopping.aborted) {
    const lookedAt = Date.now();
    try {
      const { missing, endedRebuilds, schedule } = await listOwnWorkflows(
        deployment,
        new Date(since).toISOString(),
      );
      for (const task of missing) {
        if (await startSingleton(deployment, task))
          logger.warn(`The workflow of ${task.activity} ${task.name} had ended and was started again.`);
      }
      if (schedule === 'gone') {
        await ensureReconcileSchedule({ ...deployment, everyMs: config.reconcileEveryMs });
        logger.warn('The schedule of the reconciliation was gone and was created again.');
      }
      for (const ended of endedRebuilds) {
        if (await withTimeout(REBUILD_TIMEOUT_MS, restartEndedRebuild(mongo.db, deployment, ended)))
          logger.warn(`The rebuild of ${ended.name} was ended from outside and was requested again.`);
      }
      since = lookedAt - OVERLAP_MS;
    } catch (error) {
      logger.debug(`Cannot check whether the feed's workflows are running: ${messageOf(error)}`);
    }
    await setTimeout(CHECK_EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/**
 * Requests a rebuild of each state view, such as `orders`, until one to this version has started. The
 * views across orders start their own rebuilds.
 */
async function rebuildOutdated(
  { temporal, config, mongo, logger }: RoleContext,
  taskQueue: string,
  stopping: AbortSignal,
) {
  const client = new Client({ connection: temporal, namespace: config.temporal.namespace });
  const changes = logChanges(logger, {
    fails: (problem) => `Cannot check yet whether the views of states have to be rebuilt: ${problem}`,
    works: 'The check whether the views of states have to be rebuilt works.',
  });
  while (!stopping.aborted) {
    try {
      const outdated: string[] = [];
      for (const log of logs)
        if (await withTimeout(QUERY_TIMEOUT_MS, isStateViewOutdated(log, mongo.db)))
          outdated.push(log.view.collection);
      for (const name of outdated) await requestRebuild({ client, taskQueue }, name);
      changes.worked();
      if (outdated.length === 0) return;
    } catch (error) {
      changes.failed(error);
    }
    await setTimeout(RETRY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}
