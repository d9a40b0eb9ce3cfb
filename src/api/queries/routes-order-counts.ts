import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import { orders } from '../../views/orders.js';
import { OrderCounts } from '../schemas/order-counts.js';
import { problemResponses } from '../problem.js';
import { COUNTED_WITHIN_MS, countByStatus } from './count-by-status.js';
import type { Http } from '../http.js';

/** Counting takes time in a large collection, so the counts may be this old. */
const COUNTED_EVERY_MS = 10_000;

/** Serves the number of orders by status. */
export function registerOrderCounts(app: Http, db: Db): void {
  let latest: Promise<OrderCounts> | undefined;
  let countedAt = Number.NEGATIVE_INFINITY;

  function counts(): Promise<OrderCounts> {
    if (latest !== undefined && performance.now() - countedAt < COUNTED_EVERY_MS) return latest;
    countedAt = performance.now();
    const counting = count(db);
    // After a failure, the next request counts again.
    counting.catch(() => (latest = undefined));
    latest = counting;
    return counting;
  }

  app.get(
    '/v1/order-counts',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'How many orders there are, by status',
        description:
          'Counted every ten seconds at most, from the views. A status without orders is left out.',
        tags: ['queries'],
        response: { 200: OrderCounts, ...problemResponses(503) },
      },
    },
    async (_request, reply) => await reply.send(await counts()),
  );
}

async function count(db: Db): Promise<OrderCounts> {
  const countedAt = new Date().toISOString();
  const [data, held] = await Promise.all([
    countByStatus(db),
    orders(db).countDocuments(
      { held: true },
      { ...committed, hint: { held: 1, createdAt: 1, _id: 1 }, maxTimeMS: COUNTED_WITHIN_MS },
    ),
  ]);
  return { data, held, countedAt };
}
