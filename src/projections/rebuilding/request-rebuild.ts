import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { rebuildWorkflow, rebuildWorkflowId } from '../../workflows/rebuild-messages.js';

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
  try {
    const { firstExecutionRunId } = await client.workflow.start(rebuildWorkflow, {
      workflowId: rebuildWorkflowId(name, taskQueue),
      taskQueue,
      args: [name],
      staticSummary: `rebuild ${name}`,
    });
    return firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}
