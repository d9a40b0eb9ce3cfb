import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';

/** gRPC status codes of a server that is unavailable, slow, overloaded or shutting down. */
const outageCodes = new Set([
  1, // CANCELLED
  2, // UNKNOWN
  4, // DEADLINE_EXCEEDED
  8, // RESOURCE_EXHAUSTED
  10, // ABORTED
  13, // INTERNAL
  14, // UNAVAILABLE
  15, // DATA_LOSS
]);

const failedPrecondition = 9;

/**
 * True if Temporal could not be reached or did not answer in time. For an update or a query, also
 * if no worker answered in time. The request may have taken effect.
 */
export function isTemporalOutage(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && outageCodes.has(cause.code) && !isTooLarge(cause);
}

const resourceExhausted = 8;

/**
 * True if a message was larger than its receiver allows. The server is up, and the same call always
 * fails.
 */
export function isTooLarge({ code, details }: { readonly code: number; readonly details: string }): boolean {
  return code === resourceExhausted && /message larger than max/i.test(details);
}

/**
 * True if the workflow task that should have handled an update failed, which happens if the
 * workflow continues as new when the update arrives (`UnhandledCommand`). The update had no effect:
 * the same id can be sent again.
 */
export function isTaskFailure(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && cause.code.valueOf() === failedPrecondition;
}
