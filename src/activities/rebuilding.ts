import { Context, getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { rebuildJournal } from '../projections/rebuilding/rebuild-journal.js';
import { rebuildOrders } from '../projections/rebuilding/rebuild-orders.js';
import { rebuild } from '../projections/rebuilding/rebuild.js';
import { viewNamed } from '../projections/views.js';
import type { RebuildActivities } from '../workflows/rebuild-messages.js';

/** Well below the activity's `startToClose`: it hands over in good order. */
const TURN_MS = 50 * 60_000;

/**
 * Rebuilding a view across orders, the view `orders`, or the journal.
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
      const context = Context.current();
      const rebuilding = {
        db,
        rebuildId,
        signal: AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(TURN_MS)]),
        beat: (done: number) => context.heartbeat(done),
      };
      if (name === 'journal')
        return await rebuildJournal({ ...rebuilding, client: getClient(), orderTaskQueue });
      if (name === 'orders') return await rebuildOrders(rebuilding);
      const view = viewNamed(name);
      // Another worker, of a newer version, may have it.
      if (view === undefined) throw new Error(`There is no view ${name} here.`);
      return await rebuild(view, rebuilding);
    },
  };
}
