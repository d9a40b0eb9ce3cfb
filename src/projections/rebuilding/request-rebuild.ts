import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowStartOptions,
} from '@temporalio/client';
import type { Db } from 'mongodb';
import { hasLostEvents } from '../../event-log/feed.js';
import { rebuildWorkflow, rebuildWorkflowId, rollBackWorkflow } from '../../workflows/rebuild-messages.js';
import { feedTaskQueue } from '../../workflows/standing-messages.js';
import { views } from '../views.js';

/**
 * Has a view or a store rebuilt, as a workflow.
 *
 * @param taskQueue of the role `feed`
 * @returns the id of the rebuild; undefined where one is under way already
 */
export async function requestRebuild(
  client: Client,
  taskQueue: string,
  name: string,
): Promise<string | undefined> {
  return await start(client, rebuildWorkflow, {
    workflowId: rebuildWorkflowId(name, taskQueue),
    taskQueue,
    args: [name],
    staticSummary: `rebuild ${name}`,
  });
}

/** Has the view `orders` taken back to what its last rebuild replaced; otherwise as `requestRebuild`. */
export async function requestRollBack(client: Client, taskQueue: string): Promise<string | undefined> {
  return await start(client, rollBackWorkflow, {
    workflowId: rebuildWorkflowId('orders', taskQueue),
    taskQueue,
    staticSummary: 'roll back orders',
  });
}

async function start(
  client: Client,
  workflow: string,
  options: WorkflowStartOptions,
): Promise<string | undefined> {
  try {
    const { firstExecutionRunId } = await client.workflow.start(workflow, options);
    return firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/**
 * Has every view across orders rebuilt, where events were lost after they had positions. To be called when some have come back:
 * a view that had them has them twice then, and a rebuild once.
 */
export async function requestRebuildsAfterLoss(
  {
    db,
    client,
    orderTaskQueue,
  }: { readonly db: Db; readonly client: Client; readonly orderTaskQueue: string },
  beat: () => void,
): Promise<void> {
  if (!(await hasLostEvents(db, beat))) return;
  for (const { name } of views) await requestRebuild(client, feedTaskQueue(orderTaskQueue), name);
}
