import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { committed } from '../../mongodb/durability.js';
import type { OrderStatus } from '../../order/order.js';
import { orders } from '../../views/orders.js';
import { Instant, Order } from '../schemas/order.js';
import { problemResponses } from '../problem.js';
import { closed } from '../schemas/values.js';
import { COUNTED_WITHIN_MS, countByStatus } from './count-by-status.js';
import type { Http } from '../http.js';

/** Counting takes time in a large collection, so the counts may be this old. */
const COUNTED_EVERY_MS = 10_000;

const Count = Type.Integer({ minimum: 0 });

const Counts = closed({
  data: Type.Array(closed({ status: Order.properties.status, count: Count })),
  held: Count,
  countedAt: Instant,
});

interface Counted {
  readonly data: { readonly status: OrderStatus; readonly count: number }[];
  readonly held: number;
  readonly countedAt: string;
}

/** Serves the number of orders by status. */
export function registerOrderCounts(app: Http, db: Db): void {
  let latest: Promise<Counted> | undefined;
  let countedAt = Number.NEGATIVE_INFINITY;

  function counts(): Promise<Counted> {
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
        response: { 200: Counts, ...problemResponses(503) },
      },
    },
    async (_request, reply) => await reply.send(await counts()),
  );
}

async function count(db: Db): Promise<Counted> {
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
