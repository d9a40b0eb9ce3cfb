import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import { withTimeout } from '../../outages/timeout.js';
import type { Databases, Deployment } from '../../databases.js';
import { rebuildWorkflow, rebuildWorkflowId } from '../workflow/system-workflow-names.js';
import { buildsOf } from '../views/view-builds.js';
import { storeRebuilds } from './store-rebuild.js';

/** How long the workflow of a rebuild may take to end once its work is done. */
const ENDS_WITHIN_MS = 5_000;

/**
 * Starts the workflow that rebuilds a feed view or a store.
 *
 * @param options `endsRunning`: if a rebuild is under way, the new one takes its place
 * @returns the id of the rebuild; undefined if another one is under way already
 */
export async function requestRebuild(
  { client, taskQueue }: Deployment,
  name: string,
  { endsRunning = false }: { readonly endsRunning?: boolean } = {},
): Promise<string | undefined> {
  try {
    const started = await client.workflow.start(rebuildWorkflow, {
      workflowId: rebuildWorkflowId(name, taskQueue),
      taskQueue,
      args: [name],
      workflowIdConflictPolicy: endsRunning ? 'TERMINATE_EXISTING' : 'FAIL',
      staticSummary: `rebuild ${name}`,
    });
    return started.firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/**
 * Like `requestRebuild`, but if an earlier rebuild of this name has done its work, it first waits
 * until that rebuild's workflow has ended.
 */
export async function requestAnotherRebuild(
  { db, ...deployment }: Databases,
  name: string,
): Promise<string | undefined> {
  const { client, taskQueue } = deployment;
  const rebuildId = await requestRebuild(deployment, name);
  if (rebuildId !== undefined) return rebuildId;
  const workflowId = rebuildWorkflowId(name, taskQueue);
  const { runId } = await client.workflow.getHandle(workflowId).describe();
  if (!(await isDone(db, name, runId))) return undefined;
  await withTimeout(ENDS_WITHIN_MS, client.workflow.getHandle(workflowId, runId).result()).catch(
    () => undefined,
  );
  return await requestRebuild(deployment, name);
}

async function isDone(db: Db, name: string, rebuildId: string): Promise<boolean> {
  const store = await storeRebuilds(db).findOne({ _id: name }, committed);
  if (store !== null) return store.rebuildId === rebuildId && store.phase === 'done';
  return (await buildsOf(db, name))?.rebuildId === rebuildId;
}
