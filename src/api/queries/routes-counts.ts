import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { Order } from '../order-shapes.js';
import { problem } from '../problem.js';
import { closed } from '../schemas.js';
import type { Http } from '../server.js';
import { countByStatus } from './order-gauges.js';

/** Counts are kept for so many times as long as counting took, so that it never is all that is done. */
const KEPT_FOR_TIMES = 50;

/** `GET /v1/views/orders-by-status`: how many orders there are of each status. */
export function registerCounts(app: Http, db: Db): void {
  let kept: { readonly counts: ReturnType<typeof countByStatus>; until: number } | undefined;

  async function counted() {
    if (kept !== undefined && Date.now() < kept.until) return await kept.counts;
    const began = Date.now();
    const mine = { counts: countByStatus(db), until: Number.POSITIVE_INFINITY };
    kept = mine;
    try {
      return await mine.counts;
    } catch (error) {
      kept = undefined;
      throw error;
    } finally {
      mine.until = Date.now() + (Date.now() - began) * KEPT_FOR_TIMES;
    }
  }

  app.get(
    '/v1/views/orders-by-status',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'How many orders there are of each status',
        description: 'Where there are many orders, the counts may be a minute old.',
        tags: ['views across orders'],
        response: {
          200: closed({
            data: Type.Array(closed({ status: Order.properties.status, count: Type.Integer() })),
          }),
          503: problem(503),
        },
      },
    },
    async (_request, reply) => {
      const found = await counted();
      return await reply.send({ data: found.map(({ _id: status, count }) => ({ status, count })) });
    },
  );
}
