import type { Db } from 'mongodb';
import { subscriptionRows } from '../delivery/webhooks/rows.js';
import { trackingRows } from '../effects/carriers/tracking-rows.js';
import { stock } from '../effects/inventory/stock.js';
import { forks } from '../log/journal/fork.js';
import { parkedEvents } from '../log/views/parked-events.js';
import { logs } from '../entity-logs.js';

/** Creates the indexes that only the list of attention needs. */
export async function ensureAttentionIndexes(db: Db): Promise<void> {
  await Promise.all([
    ...logs.map((log) => forks(log, db).createIndex({ detectedAt: 1, _id: 1 })),
    parkedEvents(db).createIndex({ status: 1, at: 1, _id: 1 }),
    subscriptionRows(db).createIndex(
      { 'health.failingSince': 1, _id: 1 },
      { partialFilterExpression: { 'health.failingSince': { $exists: true } } },
    ),
    trackingRows(db).createIndex(
      { failingSince: 1, _id: 1 },
      { partialFilterExpression: { failingSince: { $exists: true } } },
    ),
    stock(db).createIndex({ updatedAt: 1, _id: 1 }, { partialFilterExpression: { toBeCounted: true } }),
  ]);
}
