import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { MongoError } from 'mongodb';
import { isBrokenSocket } from './mongo-outage.js';

/**
 * True for an error that MongoDB, Temporal or one of their clients reports, as opposed to an error
 * in the data of an entity.
 */
export function isServerError(error: unknown): boolean {
  if (error instanceof MongoError || isBrokenSocket(error)) return true;
  return error instanceof ServiceError || isGrpcServiceError(error);
}
