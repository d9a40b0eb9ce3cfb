import { constantBackOff } from '../concurrency/back-off.js';
import { pause } from '../concurrency/pause.js';
import { retryUntilDone } from '../concurrency/retry-until-done.js';
import { isStateViewOutdated } from '../log/rebuilding/rebuild-state-view.js';
import { requestRebuild } from '../log/rebuilding/request-rebuild.js';
import { logs } from '../entity-logs.js';
import { withTimeout } from '../outages/timeout.js';
import { logChanges } from '../server/logging/log-changes.js';
import { ensureReconcileSchedule } from './reconcile-schedule.js';
import { type RestartDeps, restartOwnWorkflows } from './restart-own-workflows.js';

export interface UpkeepDeps extends RestartDeps {
  /** ends the upkeep */
  readonly signal: AbortSignal;
}

export interface Upkeep {
  /** Resolves when the schedule of the reconciliation exists, or the signal has aborted. */
  readonly scheduled: Promise<void>;
  /** Resolves soon after the signal has aborted. */
  readonly ended: Promise<void>;
}

const RETRY_MS = 1_000;
const QUERY_TIMEOUT_MS = 1_000;
/** How often Temporal is asked whether the system's own workflows are running. */
const CHECK_EVERY_MS = 10_000;
/** Each check looks back this much further, because Temporal's list lags and clocks differ. */
const OVERLAP_MS = 5 * 60_000;
const FIRST_LOOK_BACK_MS = 7 * 86_400_000;

/**
 * Keeps the system's own workflows running: the schedule of the reconciliation, and the rebuilds of
 * views and stores. Never fails: everything is retried until `signal` aborts. Any number of
 * processes may do this.
 */
export function startUpkeep(deps: UpkeepDeps): Upkeep {
  const scheduled = startSchedule(deps);
  const restarting = scheduled.then(() => restartEnded(deps));
  const ended = Promise.all([restarting, rebuildOutdated(deps)]).then(() => undefined);
  return { scheduled, ended };
}

/** Creates the schedule, unless it exists. Retries until Temporal is available. */
async function startSchedule({ client, taskQueue, reconcileEveryMs, logger, signal }: UpkeepDeps) {
  const health = logChanges(logger, {
    fails: (problem) => `The schedule of the reconciliation is not there yet: ${problem}`,
    works: 'The schedule of the reconciliation is there.',
  });
  const ensure = async () => await ensureReconcileSchedule({ client, taskQueue, everyMs: reconcileEveryMs });
  await retryUntilDone(ensure, { signal, backOff: constantBackOff(RETRY_MS), health });
}

/** Starts the system's own workflows again whenever they were ended from outside. */
async function restartEnded({ logger, signal, ...deps }: UpkeepDeps) {
  const health = logChanges(logger, {
    fails: (problem) => `Cannot keep all of the system's own workflows running: ${problem}`,
    works: "All of the system's own workflows are kept running.",
  });
  let since = Date.now() - FIRST_LOOK_BACK_MS;
  while (!signal.aborted) {
    const lookedAt = Date.now();
    try {
      await restartOwnWorkflows({ ...deps, logger }, new Date(since).toISOString());
      since = lookedAt - OVERLAP_MS;
      health.worked();
    } catch (error) {
      health.failed(error);
    }
    await pause(CHECK_EVERY_MS, signal);
  }
}

/**
 * Requests a rebuild of each state view, such as `orders`, that was built by an earlier version.
 * Repeats the request until a rebuild to this version has started. For a feed view, its feeder does
 * this.
 */
async function rebuildOutdated({ db, client, taskQueue, logger, signal }: UpkeepDeps) {
  const health = logChanges(logger, {
    fails: (problem) => `Cannot check yet whether the state views have to be rebuilt: ${problem}`,
    works: 'The check whether the state views have to be rebuilt works.',
  });
  while (!signal.aborted) {
    try {
      const outdated: string[] = [];
      for (const log of logs)
        if (await withTimeout(QUERY_TIMEOUT_MS, isStateViewOutdated(log, db)))
          outdated.push(log.view.collection);
      for (const name of outdated) await requestRebuild({ client, taskQueue }, name);
      health.worked();
      if (outdated.length === 0) return;
    } catch (error) {
      health.failed(error);
    }
    await pause(RETRY_MS, signal);
  }
}
