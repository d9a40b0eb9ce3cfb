import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { MongoError } from 'mongodb';
import { isBrokenSocket } from './mongo-outage.js';

/** True for an error of MongoDB's or Temporal's: it tells nothing of the order that was asked for. */
export function isServerError(error: unknown): boolean {
  if (error instanceof MongoError || isBrokenSocket(error)) return true;
  return error instanceof ServiceError || isGrpcServiceError(error);
}
