import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { type OrderRun, runOf } from '../../attention/order-run.js';
import { committedInTime } from '../../mongodb/durability.js';
import { foldHistory } from '../../log/history/history.js';
import { statusInWords } from '../../log/history/runs.js';
import type { Order } from '../../order/order.js';
import { orderLog, workflowId } from '../../order-log.js';
import { undefinedInOutage } from '../../outages/mongo-outage.js';
import { isTemporalOutage } from '../../outages/temporal-outage.js';
import { type OrderDocument, orders } from '../../views/orders.js';
import { deadlinesOf } from '../schemas/deadline.js';
import { shownEffectOf } from '../schemas/effect.js';
import { Next } from '../schemas/next.js';
import { problemResponses } from '../problem.js';
import { OrderPath } from '../schemas/values.js';
import type { Http } from '../http.js';
import type { OrderReader } from './order-reader.js';
import { orderNotFound } from './order-problems.js';

export interface NextDeps {
  readonly client: Client;
  readonly db: Db;
  readonly reader: OrderReader;
  /** address of the Temporal Web UI, if it is known */
  readonly uiUrl: string | undefined;
}

/** Serves what an order waits for. */
export function registerNext(app: Http, { client, db, reader, uiUrl }: NextDeps): void {
  app.get(
    '/v1/orders/:orderId/next',
    {
      config: { access: 'orders:read', work: 'history' },
      schema: {
        summary: 'What an order waits for now',
        description:
          'Deadlines ahead, effects that are owed with their tries, and its workflow. From the view and Temporal; if the view cannot be read, from the history.',
        tags: ['queries'],
        params: OrderPath,
        response: { 200: Next, ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const [order, run] = await Promise.all([stateOf(orderId), runIfKnown(orderId)]);
      if (order === undefined) throw orderNotFound(orderId);
      return await reply.send({
        orderId,
        version: order.version,
        deadlines: deadlinesOf(order),
        effects: effectsOf(order, run),
        ...(run && { workflow: workflowOf(orderId, run) }),
      });
    },
  );

  async function stateOf(orderId: string): Promise<Order | undefined> {
    const found = await undefinedInOutage(
      orders(db).findOne<Pick<OrderDocument, 'state'>>(
        { _id: orderId },
        { ...committedInTime, projection: { _id: 0, state: 1 } },
      ),
    );
    if (found) return found.state;
    const log = await reader.readHistory(orderId);
    return log && foldHistory(orderLog, log);
  }

  async function runIfKnown(orderId: string): Promise<OrderRun | undefined> {
    try {
      return await runOf(client, orderId);
    } catch (error) {
      if (isTemporalOutage(error)) return undefined;
      throw error;
    }
  }

  function workflowOf(orderId: string, { runId, status }: OrderRun) {
    const id = workflowId(orderId);
    const path = ['namespaces', client.options.namespace, 'workflows', id, runId, 'history'];
    return {
      id,
      runId,
      status: statusInWords(status),
      ...(uiUrl !== undefined && { url: `${uiUrl}/${path.map(encodeURIComponent).join('/')}` }),
    };
  }
}

/**
 * The owed effects, each with the tries of its step. A step is found by the type of its effect.
 * Only effects of type `book` can be owed several times: their steps begin in the order of the
 * effects. The view may lag, so there may be more or fewer steps than effects. Then no tries are
 * shown for this type.
 */
function effectsOf({ owed, updatedAt }: Order, run: OrderRun | undefined) {
  return owed.map(({ since = updatedAt, ...effect }) => {
    const alike = owed.filter(({ type }) => type === effect.type);
    const steps = run?.pendingSteps.filter(({ type }) => type === effect.type) ?? [];
    const index = alike.findIndex(({ key }) => key === effect.key);
    const { type: _, ...tries } = (steps.length === alike.length && steps[index]) || {};
    return { ...shownEffectOf(effect), since, ...tries };
  });
}
