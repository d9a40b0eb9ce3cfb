import { Context } from '@temporalio/activity';

/**
 * Well below the `startToCloseTimeout` of these activities, so that one tenure ends before the next
 * starts.
 */
const TENURE_MS = 50 * 60_000;

/**
 * The tenure of a long-running activity: `signal` is aborted when the activity is cancelled or its
 * time is up. Temporal considers it alive while it calls `heartbeat`.
 */
export function currentTenure() {
  const context = Context.current();
  return {
    // oxlint-disable-next-line no-restricted-properties -- once in the life of either
    signal: AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(TENURE_MS)]),
    heartbeat: (done: number) => context.heartbeat(done),
  };
}
