import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { MongoError } from 'mongodb';
import { isBrokenSocket } from './mongo-outage.js';

/** True for an error of MongoDB or Temporal itself, whatever entity was read. */
export function isServerError(error: unknown): boolean {
  if (error instanceof MongoError || isBrokenSocket(error)) return true;
  return error instanceof ServiceError || isGrpcServiceError(error);
}
