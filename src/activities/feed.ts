import { Context } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { sequence } from '../event-log/sequencer.js';
import type { StandingActivities } from '../workflows/standing-messages.js';

/** Well below the activity's `startToClose`: it hands over in good order. */
const TURN_MS = 50 * 60_000;

/** The standing work of the role `feed`. Each goes on until it is cancelled or its turn is over. */
export function createFeedActivities({ db }: { readonly db: Db }): Pick<StandingActivities, 'sequence'> {
  return {
    sequence: async () => {
      const context = Context.current();
      const signal = AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(TURN_MS)]);
      await sequence({ db, signal, beat: (position) => context.heartbeat(position) });
    },
  };
}
