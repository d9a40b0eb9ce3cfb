import {
  MongoClientClosedError,
  MongoErrorLabel,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoServerClosedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoStalePrimaryError,
  MongoTopologyClosedError,
  MongoUnexpectedServerResponseError,
} from 'mongodb';
import { DeadlineExceeded } from './timeout.js';

/**
 * True if MongoDB could not be reached, has no primary, did not answer in time (`withTimeout`), or
 * gave a query up after its `maxTimeMS`. A caller that handles the last case in another way asks
 * `isQueryTooSlow` first. False for a mistake in the request, such as a document that is too large,
 * and for errors that are not MongoDB's.
 */
export function isMongoOutage(error: unknown): boolean {
  if (error instanceof DeadlineExceeded || isBrokenSocket(error)) return true;
  if (error instanceof MongoServerError) {
    return (
      // A bulk write wraps the error that ended it.
      (error.errorResponse instanceof Error && isMongoOutage(error.errorResponse)) ||
      error.hasErrorLabel(MongoErrorLabel.RetryableWriteError) ||
      error.hasErrorLabel(MongoErrorLabel.TransientTransactionError) ||
      interruptions.has(Number(error.code))
    );
  }
  // The cause is set if a complete answer could not be parsed, which is not an outage.
  if (error instanceof MongoUnexpectedServerResponseError) return error.cause === undefined;
  return (
    outages.some((outage) => error instanceof outage) ||
    (error instanceof Error && unexportedOutages.has(error.name))
  );
}

/**
 * The driver's errors for a server that is unavailable. All its other errors are mistakes in the
 * request.
 */
const outages = [
  // Includes its subclass for a connection pool that was cleared.
  MongoNetworkError,
  MongoServerSelectionError,
  MongoStalePrimaryError,
  MongoNotConnectedError,
  MongoServerClosedError,
  MongoTopologyClosedError,
  MongoClientClosedError,
  MongoOperationTimeoutError,
] as const;

/** Names of errors whose classes the driver does not export. */
const unexportedOutages = new Set(['MongoPoolClosedError', 'MongoWaitQueueTimeoutError']);

/**
 * True if MongoDB answered, but gave the query up because it exceeded its `maxTimeMS`.
 * `isMongoOutage` is true for this error as well, so callers ask this first.
 */
export function isQueryTooSlow(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === MAX_TIME_EXPIRED;
}

/**
 * True for a socket error that the driver passes on unwrapped because the connection broke during a
 * write. An HTTP client's connection fails with the same codes; `toProblem` in
 * `api/send-problem.ts` tells them apart.
 */
export function isBrokenSocket(error: unknown): boolean {
  return error instanceof Error && 'code' in error && brokenSockets.has(error.code);
}

const brokenSockets = new Set<unknown>(['EPIPE', 'ECONNRESET']);

/** The result; undefined if MongoDB is unavailable. */
export async function undefinedInOutage<T>(query: Promise<T>): Promise<T | undefined> {
  try {
    return await query;
  } catch (error) {
    if (isMongoOutage(error)) return undefined;
    throw error;
  }
}

/** Codes from MongoDB's `error_codes.yml`. */
const MAX_TIME_EXPIRED = 50;
const interruptions = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  MAX_TIME_EXPIRED,
  64, // WriteConcernTimeout
  89, // NetworkTimeout
  91, // ShutdownInProgress
  100, // UnsatisfiableWriteConcern
  134, // ReadConcernMajorityNotAvailableYet
  175, // QueryPlanKilled, for example when a rebuild has just replaced the collection
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  9_001, // SocketException
  10_107, // NotWritablePrimary
  11_600, // InterruptedAtShutdown
  11_602, // InterruptedDueToReplStateChange
  13_435, // NotPrimaryNoSecondaryOk
  13_436, // NotPrimaryOrSecondary
]);
