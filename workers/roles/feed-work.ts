import { Context } from '@temporalio/activity';
import { stockOutside } from '../../src/effects/inventory/stock-restore.js';
import { reconcileAll } from '../../src/effects/proof/reconcile-orders.js';
import { detectDatabaseLoss } from '../../src/identity/database-identity.js';
import type { Databases } from '../../src/databases.js';
import type { LeasedTask } from '../../src/log/leases/leased-tasks.js';
import { FeedTail } from '../../src/log/feed/tail.js';
import { sequencerTask } from '../../src/log/feed/sequencer.js';
import { createRebuilds } from '../../src/log/rebuilding/rebuilds.js';
import { requestRebuild } from '../../src/log/rebuilding/request-rebuild.js';
import { createFeedTasks } from '../../src/log/views/feed-tasks.js';
import { viewTask } from '../../src/log/views/feeding/view-feeder.js';
import type { AnyView } from '../../src/log/views/view.js';
import type { RebuildActivities, ReconcileActivities } from '../../src/log/workflow/system-workflow-names.js';
import { logs, ofAnyEntity } from '../../src/entity-logs.js';
import { orderLog } from '../../src/order-log.js';
import { views } from '../../src/views/views.js';

export interface FeedDeps extends Databases {
  /** the tail of the feed of orders */
  readonly tail: FeedTail;
}

/** The work of the role `feed`: endless tasks, and activities. */
export interface FeedWork {
  readonly leased: readonly LeasedTask[];
  readonly activities: RebuildActivities & ReconcileActivities;
}

/**
 * The names of the leased tasks that `createFeedWork` creates. `test/entity-logs.unit.test.ts`
 * checks that they are the same.
 */
export const leasedTaskNames: readonly string[] = [
  ...logs.map(({ feedId }) => sequencerTask(feedId)),
  ...views.map(({ name }) => viewTask(name)),
];

export function createFeedWork({ tail, ...databases }: FeedDeps): FeedWork {
  const deps = {
    ...databases,
    detectDatabaseLoss,
    requestRebuild: async ({ name }: AnyView) => void (await requestRebuild(databases, name)),
  };
  const leased = logs.flatMap((log) =>
    log === orderLog
      ? createFeedTasks(orderLog, { ...deps, tail, views })
      : createFeedTasks(ofAnyEntity(log), { ...deps, tail: new FeedTail(log, databases.db), views: [] }),
  );
  const rebuilds = new Map(
    logs.flatMap((log) =>
      Object.entries(
        log === orderLog
          ? createRebuilds(orderLog, { ...deps, views, outside: stockOutside })
          : createRebuilds(ofAnyEntity(log), { ...deps, views: [] }),
      ),
    ),
  );
  /**
   * @throws Error if this version has no such view or store; a worker of a newer version may have
   *   it
   */
  const rebuild = async (name: string, rebuildId: string) => {
    const rebuildOne = rebuilds.get(name);
    if (rebuildOne === undefined) throw new Error(`There is no view or store ${name} here.`);
    return await rebuildOne(rebuildId);
  };
  return {
    leased,
    activities: {
      reconcile: async () => {
        const context = Context.current();
        const { runId = '', workflowId } = context.info.workflowExecution ?? {};
        const by = { runId, ...(workflowId === undefined ? {} : { workflowId }) };
        let done = 0;
        const heartbeat = (checked: number) => {
          done += checked;
          context.heartbeat(done);
        };
        await detectDatabaseLoss(databases);
        const reports = await reconcileAll(databases, by, heartbeat);
        const sum = (field: 'repaired' | 'found') =>
          [...reports.values()].reduce((total, report) => total + report[field], 0);
        return {
          orders: reports.get(orderLog)?.orders ?? 0,
          repaired: sum('repaired'),
          found: sum('found'),
        };
      },
      rebuild,
    },
  };
}
