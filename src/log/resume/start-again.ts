import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Draft, State, StoredEvent } from '../entity.js';
import { type AnyLog, type EntityLog, type StartOptions, workflowIdOf } from '../journal/entity-log.js';
import { hashIn } from '../workflow/messages.js';
import type { NewEntity, ResumedEntity } from '../workflow/inputs.js';

/**
 * How a further run is found and shown in Temporal: as the first one was.
 *
 * @param created the entity's first event
 */
export function startOptionsAgain<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  state: S,
  created: StoredEvent,
): StartOptions {
  const { commandId, actor, onBehalfOf } = created;
  const hash = hashIn(created) ?? '';
  return log.startOptions(state, { commandId, hash, actor, ...(onBehalfOf !== undefined && { onBehalfOf }) });
}

/**
 * Starts a further run of an entity's workflow, which has ended.
 *
 * @param start how the run begins
 * @param options see `startOptionsAgain`
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
