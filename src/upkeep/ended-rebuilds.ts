import { WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { committed } from '../mongodb/durability.js';
import { buildsOf } from '../log/views/view-builds.js';
import type { Deployment } from '../databases.js';
import { storesOf } from '../log/entity-log/entity-log.js';
import { requestRebuild } from '../log/rebuilding/request-rebuild.js';
import { storeRebuilds } from '../log/rebuilding/store-rebuild.js';
import { logs } from '../entity-logs.js';
import type { EndedRebuild, Stranded } from './own-workflows.js';

/**
 * Restarts a rebuild whose workflow was ended from outside before it was done.
 *
 * @returns false if nothing is left to do: the rebuild was done, replaced by another one, or had
 *   not begun
 */
export async function restartEndedRebuild(
  db: Db,
  deployment: Deployment,
  ended: EndedRebuild,
): Promise<boolean> {
  return (await hasWorkLeft(db, ended)) && (await requestRebuild(deployment, ended.name)) !== undefined;
}

/**
 * Ends a stranded workflow. If it is a rebuild, a new one takes its place immediately, whether the
 * old one had begun or not.
 */
export async function replaceStranded(
  deployment: Deployment,
  { workflowId, runId, rebuilds }: Stranded,
): Promise<void> {
  if (rebuilds !== undefined) {
    await requestRebuild(deployment, rebuilds, { endsRunning: true });
    return;
  }
  const handle = deployment.client.workflow.getHandle(workflowId, runId);
  await handle.terminate('An earlier version started it.').catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
}

async function hasWorkLeft(db: Db, { name, runId }: EndedRebuild): Promise<boolean> {
  if (!logs.flatMap(storesOf).includes(name))
    return (await buildsOf(db, name))?.rebuilding?.rebuildId === runId;
  const last = await storeRebuilds(db).findOne({ _id: name }, committed);
  return last !== null && last.phase !== 'done' && last.rebuildId === runId;
}
