import { ApplicationFailure, WorkflowUpdateFailedError } from '@temporalio/client';
import { isTaskFailure } from '../../../outages/temporal-outage.js';

/** How long to wait before an update is sent again. */
export const RESEND_AFTER_MS = 100;

/**
 * Types of errors which say that a run ended before it handled an update, such as by
 * continue-as-new. The next run takes the update under the same id.
 */
const unprocessed = new Set(['UnprocessedUpdate', 'AcceptedUpdateCompletedWorkflow']);

/** True if no run has handled an update, so that it can be sent again with the same id. */
export function isUnprocessed(error: unknown): boolean {
  if (isTaskFailure(error)) return true;
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return false;
  return unprocessed.has(error.cause.type ?? '');
}
