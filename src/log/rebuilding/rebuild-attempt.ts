import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Db } from 'mongodb';
import { Fenced } from '../leases/fencing.js';

/** One attempt of a rebuild, in an activity. The next attempt continues where this one ended. */
export interface RebuildAttempt {
  readonly db: Db;
  /** the same for all attempts of a rebuild */
  readonly rebuildId: string;
  /** aborted when this attempt has to stop: its activity is cancelled, or its time is up */
  readonly signal: AbortSignal;
  /** called after every batch, with a number that grows with the work that is done */
  readonly heartbeat: (done: number) => void;
}

/**
 * The time limit of an attempt. It is well below the `startToCloseTimeout` of the activity, so that
 * an attempt ends before the next one starts.
 */
const ATTEMPT_MS = 50 * 60_000;

/**
 * The attempt that the running activity makes: `signal` aborts when the activity is cancelled or
 * the attempt's time is up. Temporal considers the activity alive while it calls `heartbeat`.
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

/**
 * @param built the version that a rebuild of a view makes
 * @param view the view as this process has it
 * @throws Fenced if `built` is newer, so that a worker of that version continues.
 *   ApplicationFailure, which is not retried, if `built` is older, because a rebuild to the version
 *   of this process takes over.
 */
export function assertVersion(
  built: number,
  { name, version }: { readonly name: string; readonly version: number },
): void {
  if (built > version)
    throw new Fenced(`The view ${name} is rebuilt as version ${built}; here is ${version}.`);
  if (built < version)
    throw ApplicationFailure.nonRetryable(
      `This rebuild makes version ${built} of the view ${name}, which version ${version} replaces.`,
      'RebuildOutdated',
    );
}
