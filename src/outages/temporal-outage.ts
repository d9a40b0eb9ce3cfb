import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';

/** gRPC status codes of a server that is away, slow, overloaded or going down, by their numbers in the gRPC specification. */
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
 * True where Temporal (or, for an update or a query, a worker) could not be reached or did not answer in time. What was
 * asked may have been done all the same.
 */
export function isTemporalOutage(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && outageCodes.has(cause.code) && !isTooLarge(cause);
}

const resourceExhausted = 8;

/** True where a message was larger than its receiver takes: the server is there, and the same call fails each time. */
export function isTooLarge({ code, details }: { readonly code: number; readonly details: string }): boolean {
  return code === resourceExhausted && /message larger than max/i.test(details);
}

/**
 * True where the workflow task that was to take an update failed, as one does that continues as new just when the update
 * arrives (`UnhandledCommand`). The update was not taken: the same id can be sent again.
 */
export function isTaskFailure(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && cause.code.valueOf() === failedPrecondition;
}
