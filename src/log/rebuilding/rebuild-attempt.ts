import { Context } from '@temporalio/activity';
import type { Db } from 'mongodb';

/** One attempt of a rebuild, in an activity. The next attempt continues where this one was. */
export interface RebuildAttempt {
  readonly db: Db;
  /** the same for all attempts of a rebuild */
  readonly rebuildId: string;
  /** aborted when another worker should continue */
  readonly signal: AbortSignal;
  /** called after every batch, with the number of events or entities that are done */
  readonly heartbeat: (done: number) => void;
}

/**
 * The time limit of an attempt. It is well below the `startToCloseTimeout` of the activity, so that
 * an attempt ends before the next one starts.
 */
const ATTEMPT_MS = 50 * 60_000;

/**
 * The attempt of the activity that runs: `signal` aborts when the activity is cancelled or its time
 * is up. Temporal considers the activity alive while it calls `heartbeat`.
 */
export function attemptInActivity(db: Db, rebuildId: string): RebuildAttempt {
  const context = Context.current();
  return {
    db,
    rebuildId,
    // oxlint-disable-next-line no-restricted-properties -- an activity makes only one of each
    signal: AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(ATTEMPT_MS)]),
    heartbeat: (done) => context.heartbeat(done),
  };
}
