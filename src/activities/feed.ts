import type { Db } from 'mongodb';
import type { FeedTail } from '../event-log/feed.js';
import { sequence } from '../event-log/sequencer.js';
import type { RebuildActivities } from '../workflows/rebuild-messages.js';
import type { ReconcileActivities } from '../workflows/reconcile-messages.js';
import type { StandingActivities } from '../workflows/standing-messages.js';
import { createProjecting } from './projecting.js';
import { createRebuilding } from './rebuilding.js';
import { createReconciling } from './reconciling.js';
import { currentTurn } from './current-turn.js';

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
      const lead = tail.lead();
      await sequence({ db, ...currentTurn(), gave: (positions) => lead.gave(positions) }).finally(() =>
        lead.end(),
      );
    },
  };
}
