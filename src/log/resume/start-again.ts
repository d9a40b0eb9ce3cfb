import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { type AnyLog, type StartOptions, workflowIdOf } from '../journal/entity-log.js';
import type { NewEntity, ResumedEntity } from '../workflow/messages.js';

/**
 * Starts a further run of an entity's workflow, which has ended.
 *
 * @param start how the run begins
 * @param options how the run is found and shown in Temporal
 * @returns false if another run was started meanwhile
 */
export async function startAgain(
  log: AnyLog,
  { client, taskQueue }: { readonly client: Client; readonly taskQueue: string },
  start: NewEntity | ResumedEntity<unknown>,
  options: StartOptions,
): Promise<boolean> {
  try {
    await client.workflow.start(log.entity.name, {
      workflowId: workflowIdOf(log, start.orderId),
      ...options,
      taskQueue,
      args: [start],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
