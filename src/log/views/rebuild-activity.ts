import { getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { rebuildJournal } from './rebuilding/rebuild-journal.js';
import { rebuildOrders } from './rebuilding/rebuild-orders.js';
import { rebuild } from './rebuilding/rebuild.js';
import { substituteId } from './rebuilding/store-rebuild.js';
import { viewNamed } from '../../views/views.js';
import type { RebuildActivities } from '../workflow/rebuild-messages.js';
import { currentTenure } from '../feed/tenure.js';

/**
 * Rebuilds a view across orders, the view `orders`, or the journal.
 *
 * @param orderTaskQueue of the orders' workflows
 */
export function createRebuilding({
  db,
  orderTaskQueue,
}: {
  readonly db: Db;
  readonly orderTaskQueue: string;
}): RebuildActivities {
  return {
    rebuild: async (name, rebuildId) => {
      const rebuilding = { db, rebuildId, ...currentTenure() };
      if (name === 'journal')
        return await rebuildJournal({ ...rebuilding, client: getClient(), orderTaskQueue });
      if (name === 'orders') return await rebuildOrders(rebuilding);
      const view = viewNamed(name);
      // Temporal retries: a worker of a newer version may have this view.
      if (view === undefined) throw new Error(`There is no view ${name} here.`);
      return await rebuild(view, rebuilding);
    },
    // A roll-back that an earlier version of the code began. Its own id makes this a new rebuild.
    rollBackOrders: async (rebuildId) =>
      await rebuildOrders({ db, rebuildId: substituteId(rebuildId), ...currentTenure() }),
  };
}
