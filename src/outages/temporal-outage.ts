import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';

/** gRPC status codes. */
const FAILED_PRECONDITION = 9;
const RESOURCE_EXHAUSTED = 8;

/** gRPC status codes after which the same call may succeed. */
const outageCodes = new Set([
  1, // CANCELLED
  2, // UNKNOWN
  4, // DEADLINE_EXCEEDED
  RESOURCE_EXHAUSTED,
  10, // ABORTED
  13, // INTERNAL
  14, // UNAVAILABLE
  15, // DATA_LOSS
]);

/**
 * True if Temporal could not be reached or did not answer in time, or if no worker answered an
 * update or a query in time. The request may have taken effect.
 */
export function isTemporalOutage(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const failure = grpcStatusIn(error);
  return failure !== undefined && outageCodes.has(failure.code) && !isTooLarge(failure);
}

/**
 * True if a message was larger than its receiver allows. The server is up, and the same call always
 * fails.
 */
export function isTooLarge({ code, details }: GrpcStatus): boolean {
  return code === RESOURCE_EXHAUSTED && /message larger than max/i.test(details);
}

/**
 * True if the workflow task that should have handled an update failed. This happens if the workflow
 * continues as new when the update arrives (`UnhandledCommand`). The update had no effect, so it
 * can be sent again with the same id.
 */
export function isTaskFailure(error: unknown): boolean {
  return grpcStatusIn(error)?.code === FAILED_PRECONDITION;
}

interface GrpcStatus {
  readonly code: number;
  readonly details: string;
}

/** The status of a failed gRPC call, whose error the client may have wrapped. */
export function grpcStatusIn(error: unknown): GrpcStatus | undefined {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) ? cause : undefined;
}
