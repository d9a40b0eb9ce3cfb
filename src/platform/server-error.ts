import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { MongoError } from 'mongodb';

/** True for an error of MongoDB's or Temporal's: it tells nothing of the order that was asked for. */
export function isServerError(error: unknown): boolean {
  return error instanceof MongoError || error instanceof ServiceError || isGrpcServiceError(error);
}
