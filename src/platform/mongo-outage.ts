import { MongoError, MongoErrorLabel, MongoServerError } from 'mongodb';
import { NoAnswer } from './within.js';

/**
 * True where MongoDB could not be reached, has no primary, or did not answer in time (`within`); false for a defect in what was
 * asked.
 */
export function isMongoOutage(error: unknown): boolean {
  if (error instanceof NoAnswer || isBrokenSocket(error)) return true;
  if (!(error instanceof MongoError)) return false;
  if (!(error instanceof MongoServerError)) return true;
  return (
    error.hasErrorLabel(MongoErrorLabel.RetryableWriteError) ||
    error.hasErrorLabel(MongoErrorLabel.TransientTransactionError) ||
    interruptions.has(Number(error.code))
  );
}

/** True for what the driver passes on as it is, where a connection ends while it waits to write on it. */
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
const interruptions = new Set([
  50, // MaxTimeMSExpired
  91, // ShutdownInProgress
  175, // QueryPlanKilled, as where a rebuild has just replaced what was read
  189, // PrimarySteppedDown
  10_107, // NotWritablePrimary
  11_600, // InterruptedAtShutdown
  11_602, // InterruptedDueToReplStateChange
  13_435, // NotPrimaryNoSecondaryOk
  13_436, // NotPrimaryOrSecondary
]);
