import { ApplicationFailure, WorkflowUpdateFailedError } from '@temporalio/client';
import type { RefusedUpdate } from '../workflow/messages.js';

/** Why an entity has refused an update; undefined if the update failed in another way. */
export function refusalIn(error: unknown): RefusedUpdate | undefined {
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return undefined;
  const [refused] = error.cause.details ?? [];
  return isRefusedUpdate(refused) ? refused : undefined;
}

function isRefusedUpdate(value: unknown): value is RefusedUpdate {
  return typeof value === 'object' && value !== null && 'refusal' in value;
}
