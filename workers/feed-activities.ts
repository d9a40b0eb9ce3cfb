import { Context, getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { recognizeDatabase } from '../src/effects/inventory/recognize-database.js';
import { reconcileOrders, stockOutside } from '../src/effects/outside.js';
import { endpointLog } from '../src/endpoint/endpoint-log.js';
import { type FeedTail, followFeed } from '../src/log/feed/feed.js';
import { reconcile } from '../src/log/proof/reconciling.js';
import { createFeedTasks, type FeedTasks } from '../src/log/views/feed-tasks.js';
import { substituteId } from '../src/log/views/rebuilding/store-rebuild.js';
import type { RebuildActivities } from '../src/log/workflow/rebuild-messages.js';
import type { ReconcileActivities } from '../src/log/workflow/reconcile-messages.js';
import type { SingletonActivities } from '../src/log/workflow/singleton-messages.js';
import { orderLog } from '../src/order-log.js';
import { views } from '../src/views/views.js';

export interface FeedDeps {
  readonly db: Db;
  /** of the feed of orders */
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
  const deps = { db, taskQueue: orderTaskQueue, recognize: recognizeDatabase };
  const ofOrders = createFeedTasks(orderLog, { ...deps, tail, views, outside: stockOutside });
  const ofEndpoints = createFeedTasks(endpointLog, { ...deps, tail: followFeed(endpointLog, db), views: [] });
  const tasks = [ofOrders, ofEndpoints];
  /** @throws Error if there is no such task here: a worker of a newer version may have it */
  function taskOf<T>(name: string, kind: (of: FeedTasks) => Readonly<Record<string, T>>): T {
    const task = tasks.map(kind).find((some) => Object.hasOwn(some, name))?.[name];
    if (task === undefined) throw new Error(`There is no task ${name} here.`);
    return task;
  }
  const rebuild = async (name: string, rebuildId: string) =>
    await taskOf(name, (of) => of.rebuild)(rebuildId);
  return {
    reconcile: async () => {
      const context = Context.current();
      const { runId = '', workflowId } = context.info.workflowExecution ?? {};
      const by = { runId, ...(workflowId === undefined ? {} : { workflowId }) };
      const heartbeat = (done: number) => context.heartbeat(done);
      const given = { client: getClient(), db, taskQueue: orderTaskQueue };
      const ordersReport = await reconcileOrders(given, by, heartbeat);
      const endpointsReport = await reconcile(endpointLog, given, by, heartbeat);
      return {
        orders: ordersReport.orders,
        repaired: ordersReport.repaired + endpointsReport.repaired,
        found: ordersReport.found + endpointsReport.found,
      };
    },
    sequence: async (name) => await taskOf(name, (of) => of.sequence)(),
    project: async (name) => await taskOf(name, (of) => of.project)(),
    rebuild,
    // A roll-back that an earlier version of the code began. Its own id makes this a new rebuild.
    rollBackOrders: async (rebuildId) => await rebuild(orderLog.view.collection, substituteId(rebuildId)),
  };
}
