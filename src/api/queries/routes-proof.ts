import { createSingleFlight } from '../../concurrency/single-flight.js';
import type { OrderDiscrepancy } from '../../effects/proof/compare-entries.js';
import { verifyOrders } from '../../effects/proof/verify-orders.js';
import type { Providers } from '../../effects/provider-modules.js';
import { committedInTime } from '../../mongodb/durability.js';
import type { Databases } from '../../databases.js';
import { journal } from '../../log/journal/journal.js';
import { orderLog } from '../../order-log.js';
import { Proof } from '../schemas/proof.js';
import { problemResponses } from '../problem.js';
import { OrderPath } from '../schemas/values.js';
import type { Http } from '../http.js';
import { orderNotFound } from './order-problems.js';

export interface ProofDeps extends Databases {
  /** the providers that the workers use */
  readonly providers: Providers;
}

/**
 * Time limit for asking custom providers. Less than the time after which an idle connection is
 * closed.
 */
const ASK_FOR_MS = 10_000;

/** Serves what `npx orders verify --order` finds. */
export function registerProof(app: Http, { client, db, taskQueue, providers }: ProofDeps): void {
  // Concurrent requests for an order share a proof, so that no provider is asked twice.
  const singleFlight = createSingleFlight<Awaited<ReturnType<typeof prove>>>();

  app.get(
    '/v1/orders/:orderId/proof',
    {
      config: { access: 'orders:read', work: 'history' },
      schema: {
        summary: 'Whether history, journal, view and workflow of an order agree',
        description:
          'Also whether stock and payments are what its log says. Only reads; waits up to three seconds for a journal or view that lags. Requests at the same time share one proof.',
        tags: ['queries'],
        params: OrderPath,
        response: { 200: Proof, ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const { last, report, checkedAt } = await singleFlight(orderId, () => prove(orderId));
      const { withoutHistory, discrepancies, isUnknown } = report;
      if (isUnknown) throw orderNotFound(orderId);
      return await reply.header('cache-control', 'no-store').send({
        orderId,
        checkedAt,
        version: last?.version ?? 0,
        ...(last?.position !== undefined && { position: last.position }),
        agrees: discrepancies.length === 0,
        hasHistory: withoutHistory === 0,
        differences: discrepancies.map(differenceOf),
      });
    },
  );

  async function prove(orderId: string) {
    const [last] = await journal(orderLog, db)
      .find({ orderId }, { ...committedInTime, projection: { _id: 0, version: 1, position: 1 } })
      .sort({ version: -1 })
      .limit(1)
      .toArray();
    const askUntil = Date.now() + ASK_FOR_MS;
    const verified = { client, db, taskQueue, providers, askUntil };
    const report = await verifyOrders(verified, { orderId });
    return { last, report, checkedAt: new Date().toISOString() };
  }
}

function differenceOf({ where, kind, version, key, detail, remedy }: OrderDiscrepancy) {
  return {
    where,
    kind,
    ...(version !== undefined && { version }),
    ...(key !== undefined && { key }),
    detail,
    ...(remedy !== undefined && { remedy }),
  };
}
