import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { MongoError } from 'mongodb';
import { isBrokenSocket } from './mongo-outage.js';
import { DeadlineExceeded } from './timeout.js';

/**
 * True for an error that MongoDB, Temporal or one of their clients reports, and for an answer that
 * did not come in time (`withTimeout`), as opposed to an error in the data of an entity.
 */
export function isServerError(error: unknown): boolean {
  if (error instanceof MongoError || isBrokenSocket(error) || error instanceof DeadlineExceeded) return true;
  return error instanceof ServiceError || isGrpcServiceError(error);
}
