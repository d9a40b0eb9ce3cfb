import { WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { committed } from '../mongodb/durability.js';
import { buildsOf } from '../log/views/view-builds.js';
import type { Databases, Deployment } from '../databases.js';
import { storesOf } from '../log/entity-log/entity-log.js';
import { requestRebuild } from '../log/rebuilding/request-rebuild.js';
import { storeRebuilds } from '../log/rebuilding/store-rebuild.js';
import { logs } from '../entity-logs.js';
import { messageOf } from '../outages/message-of.js';
import { withTimeout } from '../outages/timeout.js';
import type { Logger } from '../server/logging/logger.js';
import { type EndedRebuild, type ListedWorkflow, listOwnWorkflows } from './own-workflows.js';
import { ensureReconcileSchedule } from './reconcile-schedule.js';

export interface RestartDeps extends Databases {
  /** how often the schedule starts a reconciliation */
  readonly reconcileEveryMs: number;
  readonly logger: Logger;
}

const RESTART_TIMEOUT_MS = 10_000;

/**
 * Starts again what was ended from outside: the reconciliation's schedule, and rebuilds. Also ends
 * stranded workflows that an earlier version has started, and replaces those that are rebuilds. A
 * paused schedule stays paused, because an operator has paused it; readiness reports that.
 *
 * @param since ISO-8601 UTC; rebuilds that ended earlier are left as they are
 * @throws Error that names each one that could not be restarted; all others were restarted
 */
export async function restartOwnWorkflows(
  { db, client, taskQueue, reconcileEveryMs, logger }: RestartDeps,
  since: string,
): Promise<void> {
  const deployment = { client, taskQueue };
  const { stranded, schedule, endedRebuilds } = await listOwnWorkflows(deployment, since);
  const problems: string[] = [];
  const attempt = async (name: string, restart: () => Promise<void>): Promise<void> => {
    try {
      await withTimeout(RESTART_TIMEOUT_MS, restart());
    } catch (error) {
      problems.push(`${name}: ${messageOf(error)}`);
    }
  };
  for (const one of stranded)
    await attempt(one.workflowId, async () => {
      await replaceStranded(deployment, one);
      logger.warn(`${one.workflowId} was started by an earlier version, and was ended or replaced.`);
    });
  if (schedule === 'gone')
    await attempt('The schedule of the reconciliation', async () => {
      if (await ensureReconcileSchedule({ ...deployment, everyMs: reconcileEveryMs }))
        logger.warn('The schedule of the reconciliation was gone and was created again.');
    });
  for (const ended of endedRebuilds)
    await attempt(`The rebuild of ${ended.name}`, async () => {
      if (await restartEndedRebuild(db, deployment, ended))
        logger.warn(`The rebuild of ${ended.name} was ended from outside and was requested again.`);
    });
  if (problems.length > 0) throw new Error(problems.join('; '));
}

/**
 * Restarts a rebuild whose workflow was ended from outside before it was done.
 *
 * @returns false if nothing is left to do: the rebuild was done, replaced by another one, or had
 *   not begun
 */
async function restartEndedRebuild(db: Db, deployment: Deployment, ended: EndedRebuild): Promise<boolean> {
  return (await hasWorkLeft(db, ended)) && (await requestRebuild(deployment, ended.name)) !== undefined;
}

/**
 * Ends a stranded workflow. If it is a rebuild, a new one takes its place immediately, whether the
 * old one had begun or not.
 */
async function replaceStranded(
  deployment: Deployment,
  { workflowId, runId, rebuiltName }: ListedWorkflow,
): Promise<void> {
  if (rebuiltName === undefined) {
    const handle = deployment.client.workflow.getHandle(workflowId, runId);
    await handle.terminate('An earlier version started it.').catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
  } else await requestRebuild(deployment, rebuiltName, { endsRunning: true });
}

async function hasWorkLeft(db: Db, { name, runId }: EndedRebuild): Promise<boolean> {
  if (!logs.flatMap(storesOf).includes(name))
    return (await buildsOf(db, name))?.rebuilding?.rebuildId === runId;
  const last = await storeRebuilds(db).findOne({ _id: name }, committed);
  return last !== null && last.phase !== 'done' && last.rebuildId === runId;
}
