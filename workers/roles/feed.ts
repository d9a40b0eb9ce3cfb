import { Client } from '@temporalio/client';
import { constantBackOff } from '../../src/concurrency/back-off.js';
import { pause } from '../../src/concurrency/pause.js';
import { retryUntilDone } from '../../src/concurrency/retry-until-done.js';
import { deliverWebhooks } from '../../src/delivery/webhooks/deliver-webhooks.js';
import { endpointLog } from '../../src/endpoint/endpoint-log.js';
import type { Deployment } from '../../src/databases.js';
import { runLeasedTasks } from '../../src/log/leases/leased-tasks.js';
import { watchBuildsAndFeeds } from '../../src/log/views/feeding/watch-builds-and-feeds.js';
import { isStateViewOutdated } from '../../src/log/rebuilding/rebuild-state-view.js';
import { requestRebuild } from '../../src/log/rebuilding/request-rebuild.js';
import { feedTaskQueue } from '../../src/log/workflow/upkeep-messages.js';
import { logs } from '../../src/logs.js';
import { messageOf } from '../../src/outages/message-of.js';
import { withTimeout } from '../../src/outages/timeout.js';
import { healthIn, logChanges } from '../../src/server/logging/log-changes.js';
import { replaceStranded, restartEndedRebuild } from '../../src/upkeep/ended-rebuilds.js';
import { listOwnWorkflows } from '../../src/upkeep/own-workflows.js';
import { ensureReconcileSchedule } from '../../src/upkeep/reconcile-schedule.js';
import { createFeedWork } from './feed-activities.js';
import type { RoleContext } from './role.js';
import { type RunningWorker, startWorker } from './worker.js';

const RETRY_MS = 1_000;
const QUERY_TIMEOUT_MS = 1_000;
const REBUILD_TIMEOUT_MS = 10_000;
/** How often Temporal is asked whether the system's own workflows are running. */
const CHECK_EVERY_MS = 10_000;
/** Each check looks back this much further, because Temporal's list lags and clocks differ. */
const OVERLAP_MS = 5 * 60_000;
const FIRST_LOOK_BACK_MS = 7 * 86_400_000;

/**
 * The role `feed`: gives positions to events, updates the feed views, and delivers webhooks. Any
 * number of processes may run. Usually one of them does all of this, and the others stand by.
 */
export function startFeed(context: RoleContext): RunningWorker {
  const { taskQueue } = context.config.temporal;
  const client = new Client({
    connection: context.temporal,
    namespace: context.config.temporal.namespace,
  });
  const { config, logger, tail } = context;
  const { db, webhookSecrets } = context.mongo;
  const { leased, activities } = createFeedWork({ db, client, tail, taskQueue });
  const webhooks = deliverWebhooks({
    db,
    client,
    tail,
    secrets: webhookSecrets,
    allowPrivate: config.webhooksAllowPrivate,
    failed: (endpointId, err) => logger.warn({ err, endpointId }, 'cannot deliver to a webhook endpoint yet'),
  });
  const worker = startWorker(context, { taskQueue: feedTaskQueue(taskQueue), activities });
  const stopping = new AbortController();
  const deployment = { client, taskQueue };
  const { signal } = stopping;
  const leasing = runLeasedTasks({ db, tasks: [...leased, webhooks], signal, healthOf: healthIn(logger) });
  // What reads the tail is woken by changes of a build, of a feed's state or of an endpoint, too.
  const watching = watchBuildsAndFeeds(db, [endpointLog.view.collection], signal, () => tail.wake());
  const scheduling = startSchedule(context, deployment, signal);
  const restarting = scheduling.then(() => restartEnded(context, deployment, signal));
  const rebuilding = rebuildOutdated(context, deployment, signal);
  return {
    ready: Promise.all([worker.ready, scheduling]).then(() => undefined),
    async stop() {
      stopping.abort();
      await Promise.all([worker.stop(), leasing, watching, restarting, rebuilding]);
    },
  };
}

/** Creates the schedule, unless it exists. Retries until Temporal is there. */
async function startSchedule({ config, logger }: RoleContext, deployment: Deployment, stopping: AbortSignal) {
  const health = logChanges(logger, {
    fails: (problem) => `The schedule of the reconciliation is not there yet: ${problem}`,
    works: 'The schedule of the reconciliation is there.',
  });
  const ensure = async () =>
    await ensureReconcileSchedule({ ...deployment, everyMs: config.reconcileEveryMs });
  const backOff = constantBackOff(RETRY_MS);
  await retryUntilDone(ensure, { signal: stopping, backOff, health });
}

/**
 * Starts again what was ended from outside: the reconciliation's schedule, and rebuilds. Also ends
 * stranded workflows that an earlier version has started, and replaces their rebuilds. A paused
 * schedule stays paused, because an operator has paused it; readiness reports that.
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
      const own = await listOwnWorkflows(deployment, new Date(since).toISOString());
      for (const stranded of own.stranded) {
        await withTimeout(REBUILD_TIMEOUT_MS, replaceStranded(deployment, stranded));
        logger.warn(`${stranded.workflowId}, which an earlier version started, was ended or replaced.`);
      }
      if (own.schedule === 'gone') {
        await ensureReconcileSchedule({ ...deployment, everyMs: config.reconcileEveryMs });
        logger.warn('The schedule of the reconciliation was gone and was created again.');
      }
      for (const ended of own.endedRebuilds) {
        if (await withTimeout(REBUILD_TIMEOUT_MS, restartEndedRebuild(mongo.db, deployment, ended)))
          logger.warn(`The rebuild of ${ended.name} was ended from outside and was requested again.`);
      }
      since = lookedAt - OVERLAP_MS;
    } catch (error) {
      logger.debug(`Cannot check whether the feed's workflows are running: ${messageOf(error)}`);
    }
    await pause(CHECK_EVERY_MS, stopping);
  }
}

/**
 * Requests a rebuild of each state view, such as `orders`, that was built by an earlier version.
 * Repeats the request until a rebuild to this version has started. For a feed view, its feeder does
 * this.
 */
async function rebuildOutdated(
  { mongo, logger }: RoleContext,
  deployment: Deployment,
  stopping: AbortSignal,
) {
  const health = logChanges(logger, {
    fails: (problem) => `Cannot check yet whether the state views have to be rebuilt: ${problem}`,
    works: 'The check whether the state views have to be rebuilt works.',
  });
  while (!stopping.aborted) {
    try {
      const outdated: string[] = [];
      for (const log of logs)
        if (await withTimeout(QUERY_TIMEOUT_MS, isStateViewOutdated(log, mongo.db)))
          outdated.push(log.view.collection);
      for (const name of outdated) await requestRebuild(deployment, name);
      health.worked();
      if (outdated.length === 0) return;
    } catch (error) {
      health.failed(error);
    }
    await pause(RETRY_MS, stopping);
  }
}
