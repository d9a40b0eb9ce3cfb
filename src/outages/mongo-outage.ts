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
import { NoAnswer } from './timeout.js';

/**
 * True where MongoDB could not be reached, has no primary, or did not answer in time (`within`); false for a defect in what was
 * asked, such as a document that is too large, and for everything that is not MongoDB's.
 */
export function isMongoOutage(error: unknown): boolean {
  if (error instanceof NoAnswer || isBrokenSocket(error)) return true;
  if (error instanceof MongoServerError) {
    return (
      // A bulk write makes one of these of whatever ended it.
      (error.errorResponse instanceof Error && isMongoOutage(error.errorResponse)) ||
      error.hasErrorLabel(MongoErrorLabel.RetryableWriteError) ||
      error.hasErrorLabel(MongoErrorLabel.TransientTransactionError) ||
      interruptions.has(Number(error.code))
    );
  }
  // An answer that came whole and cannot be read has the reader's error as its cause: that is no outage.
  if (error instanceof MongoUnexpectedServerResponseError) return error.cause === undefined;
  return (
    outages.some((outage) => error instanceof outage) ||
    (error instanceof Error && unexportedOutages.has(error.name))
  );
}

/** The driver's errors for a server that is not there; each of its others is a defect in what was asked. */
const outages = [
  // With those of a pool that was cleared.
  MongoNetworkError,
  MongoServerSelectionError,
  MongoStalePrimaryError,
  MongoNotConnectedError,
  MongoServerClosedError,
  MongoTopologyClosedError,
  MongoClientClosedError,
  MongoOperationTimeoutError,
] as const;

/** Names of errors whose classes the driver keeps for itself. */
const unexportedOutages = new Set(['MongoPoolClosedError', 'MongoWaitQueueTimeoutError']);

/** True where MongoDB answered that it gave a query up after the time that it was given (`maxTimeMS`): it is there, and slow. */
export function isQueryTooSlow(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === MAX_TIME_EXPIRED;
}

/**
 * True for what the driver passes on as it is, where a connection ends while it waits to write on it. A connection of a client
 * of ours fails with the same codes: `sendProblem` tells those apart.
 */
export function isBrokenSocket(error: unknown): boolean {
  return error instanceof Error && 'code' in error && brokenSockets.has(error.code);
}

const brokenSockets = new Set<unknown>(['EPIPE', 'ECONNRESET']);

/** What was asked of MongoDB; undefined in an outage. */
export async function unlessAway<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isMongoOutage(error)) return undefined;
    throw error;
  }
}

/** Codes of MongoDB's `error_codes.yml`. */
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
  175, // QueryPlanKilled, as where a rebuild has just replaced what was read
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  9_001, // SocketException
  10_107, // NotWritablePrimary
  11_600, // InterruptedAtShutdown
  11_602, // InterruptedDueToReplStateChange
  13_435, // NotPrimaryNoSecondaryOk
  13_436, // NotPrimaryOrSecondary
]);
