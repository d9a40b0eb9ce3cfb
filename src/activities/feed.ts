import { Context } from '@temporalio/activity';
import type { Db } from 'mongodb';
import type { FeedTail } from '../event-log/feed.js';
import { sequence } from '../event-log/sequencer.js';
import type { RebuildActivities } from '../workflows/rebuild-messages.js';
import type { ReconcileActivities } from '../workflows/reconcile-messages.js';
import type { StandingActivities } from '../workflows/standing-messages.js';
import { createProjecting } from './projecting.js';
import { createRebuilding } from './rebuilding.js';
import { createReconciling } from './reconciling.js';

/** Well below the activity's `startToClose`: it hands over in good order. */
const TURN_MS = 50 * 60_000;

export interface FeedDeps {
  readonly db: Db;
  readonly tail: FeedTail;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
}

/** The work of the role `feed`. What stands goes on until it is cancelled or its turn is over. */
export function createFeedActivities({
  db,
  tail,
  orderTaskQueue,
}: FeedDeps): StandingActivities & RebuildActivities & ReconcileActivities {
  return {
    ...createProjecting({ db, tail }),
    ...createRebuilding({ db, orderTaskQueue }),
    ...createReconciling({ db, orderTaskQueue }),
    sequence: async () => {
      const context = Context.current();
      const signal = AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(TURN_MS)]);
      await sequence({ db, signal, beat: (position) => context.heartbeat(position) });
    },
  };
}
