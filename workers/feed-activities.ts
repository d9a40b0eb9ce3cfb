import { getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { recognizeDatabase } from '../src/effects/inventory/recognize-database.js';
import type { FeedTail } from '../src/log/feed/feed.js';
import { sequence } from '../src/log/feed/sequencer.js';
import type { RebuildActivities } from '../src/log/workflow/rebuild-messages.js';
import type { ReconcileActivities } from '../src/log/workflow/reconcile-messages.js';
import type { SingletonActivities } from '../src/log/workflow/singleton-messages.js';
import { createProjecting } from '../src/log/views/project-activity.js';
import { createRebuilding } from '../src/log/views/rebuild-activity.js';
import { createReconciling } from '../src/log/proof/reconciling.js';
import { currentTenure } from '../src/log/feed/tenure.js';

export interface FeedDeps {
  readonly db: Db;
  readonly tail: FeedTail;
  /** of the order workflows */
  readonly orderTaskQueue: string;
}

/**
 * The activities of the role `feed`. A singleton's activity runs until it is cancelled or its
 * tenure ends.
 */
export function createFeedActivities({
  db,
  tail,
  orderTaskQueue,
}: FeedDeps): SingletonActivities & RebuildActivities & ReconcileActivities {
  return {
    ...createProjecting({ db, tail }),
    ...createRebuilding({ db, orderTaskQueue }),
    ...createReconciling({ db, orderTaskQueue }),
    sequence: async () => {
      // Before a position is given in a database that was put back.
      await recognizeDatabase({ db, client: getClient(), taskQueue: orderTaskQueue });
      const publisher = tail.publishLocally();
      await sequence({
        db,
        ...currentTenure(),
        onPositions: (...given) => publisher.publish(...given),
      }).finally(() => publisher.close());
    },
  };
}
