import type { Db } from 'mongodb';
import { Counter, Gauge } from 'prom-client';
import { committed } from '../../../mongodb/durability.js';
import { ageOf } from '../../../log/time.js';
import type { Instruments } from '../../operations/routes-metrics.js';
import { withTimeout } from '../../../outages/timeout.js';
import { orders } from '../../../views/orders.js';
import { countByStatus } from '../count-by-status.js';
import { type Exposure, type ExposureDeps, unrecordedOrders } from './exposure.js';

const READ_WITHIN_MS = 2_000;
/** Counting every order takes time, so the counts may be this old. */
const COUNTED_EVERY_MS = 60_000;
/** Maximum number of orders that are read, beginning with the oldest owed effects. */
const MAX_READ = 1_000;

/**
 * Gauges of the orders in MongoDB. They are unset while MongoDB does not answer, but the number of
 * orders by status keeps its value until the next count is due.
 */
export function orderGauges(db: Db): Instruments {
  return (registry) => {
    const byStatus = new Gauge({
      name: 'orders',
      help: 'Orders by status, counted once a minute at most',
      labelNames: ['status'],
      registers: [registry],
    });
    const owed = new Gauge({
      name: 'orders_owed_oldest_seconds',
      help: 'Age of the oldest owed effect, by its type; of the 1,000 orders that have owed something for longest',
      labelNames: ['effect'],
      registers: [registry],
    });
    let countedAt = Number.NEGATIVE_INFINITY;
    return async () => {
      owed.reset();
      const isDue = Date.now() - countedAt > COUNTED_EVERY_MS;
      try {
        const [counts, oldest] = await withTimeout(
          READ_WITHIN_MS,
          Promise.all([isDue ? countByStatus(db) : undefined, oldestOwed(db)]),
        );
        for (const { _id: effect, since } of oldest) owed.set({ effect }, ageOf(since) / 1_000);
        if (counts === undefined) return;
        byStatus.reset();
        for (const { status, count } of counts) byStatus.set({ status }, count);
        countedAt = Date.now();
      } catch {
        // The gauge is unset while its value is unknown. An alert can react to its absence.
        if (isDue) byStatus.reset();
      }
    };
  };
}

async function oldestOwed(db: Db) {
  return await orders(db)
    .aggregate<{ _id: string; since: string }>(
      [
        { $match: { owedSince: { $gt: '' } } },
        { $sort: { owedSince: 1, _id: 1 } },
        { $limit: MAX_READ },
        { $unwind: '$state.owed' },
        { $group: { _id: '$state.owed.type', since: { $min: '$state.owed.since' } } },
      ],
      { ...committed, maxTimeMS: READ_WITHIN_MS },
    )
    .toArray();
}

/**
 * Gauges of what is acknowledged and not recorded yet. They must also work while MongoDB is
 * unavailable, since that is when they grow.
 */
export function exposureGauges({ db, stepMetrics, undecided }: ExposureDeps): Instruments {
  return (registry) => {
    const labelNames = ['stage'] as const;
    const count = new Gauge({
      name: 'orders_unrecorded',
      help: 'Orders with something acknowledged that is not recorded in MongoDB. Stage undecided: in the whole task queue, counted by Temporal; stage decided: held by the workers of this process',
      labelNames,
      registers: [registry],
    });
    const oldest = new Gauge({
      name: 'orders_unrecorded_oldest_seconds',
      help: 'Age of the oldest of what orders_unrecorded counts',
      labelNames,
      registers: [registry],
    });
    const failures = new Counter({
      name: 'orders_attempts_failed_total',
      help: 'Tries of an activity that failed in a worker of this process; each is tried again',
      labelNames: ['activity'],
      registers: [registry],
    });
    const show = async (stage: 'undecided' | 'decided', ask: () => Promise<Exposure>): Promise<void> => {
      try {
        const found = await ask();
        count.set({ stage }, found.count);
        oldest.set({ stage }, found.oldestMs / 1_000);
      } catch {
        count.remove({ stage });
        oldest.remove({ stage });
      }
    };
    return async () => {
      failures.reset();
      for (const [activity, failed] of stepMetrics?.failures ?? []) failures.inc({ activity }, failed);
      await Promise.all([
        show('undecided', undecided),
        ...(stepMetrics === undefined ? [] : [show('decided', () => unrecordedOrders(db, stepMetrics))]),
      ]);
    };
  };
}
