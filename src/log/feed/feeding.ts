import type { Db } from 'mongodb';
import type { FeedTail } from './feed.js';
import { sequence } from './sequencer.js';
import type { RebuildActivities } from '../workflow/rebuild-messages.js';
import type { ReconcileActivities } from '../workflow/reconcile-messages.js';
import type { StandingActivities } from '../workflow/singleton-messages.js';
import { createProjecting } from '../views/project-activity.js';
import { createRebuilding } from '../views/rebuild-activity.js';
import { createReconciling } from '../proof/reconciling.js';
import { currentTurn } from './tenure.js';

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
