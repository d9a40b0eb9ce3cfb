import { Context } from '@temporalio/activity';

/** Well below the `startToClose` of what stands: it hands over in good order. */
const TURN_MS = 50 * 60_000;

/** The turn of an activity that goes on for long: aborted when it is cancelled or the turn is over; it is alive while it beats. */
export function currentTurn() {
  const context = Context.current();
  return {
    // oxlint-disable-next-line no-restricted-properties -- once in the life of either
    signal: AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(TURN_MS)]),
    beat: (done: number) => context.heartbeat(done),
  };
}
