import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type OrderState, workflowId, type OrderHistory, orderLog } from '../../order-log.js';
import { type Order, isFinished } from '../../order/order.js';
import { toView } from '../../order/view.js';
import { foldHistory, readHistoryLog } from '../../log/history/history.js';
import { type StopReason, endedReason, forkedReason } from '../../log/journal/stops.js';
import { statusInWords } from '../../log/history/runs.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { attentionTimesOf } from '../../views/attention-times.js';
import type { SerializedOrder } from '../../views/cache/lru-cache.js';
import type { CachedOrders } from '../../views/cache/cached-orders.js';
import { withoutCommands } from '../../views/orders.js';
import { stateQuery } from '../../log/workflow/messages.js';
import { orderResuming } from './order-problems.js';

/** An order as JSON, and the source that it was read from. */
export interface FoundOrder extends SerializedOrder {
  readonly servedBy: 'view' | 'workflow' | 'history' | 'journal';
  /** the entry of the cache that the order comes from */
  readonly cached?: SerializedOrder;
}

/**
 * Reads an order as it is now. `read` and `readStrong` return undefined if the view and Temporal
 * lack the order. If the view lacks it, and Temporal has only a resumed run that has not loaded its
 * log yet, they throw HttpProblem 503.
 */
export interface OrderReader {
  /**
   * Reads the view. If there is none, or MongoDB is unavailable, asks the workflow or reads its
   * history. Fails if neither answers.
   *
   * @param atLeast the version that the caller needs; a cached view with a lower one is not used
   */
  read(orderId: string, atLeast?: number): Promise<FoundOrder | undefined>;
  /**
   * Asks the workflow or reads its history. If Temporal no longer keeps the history, reads the
   * view. Fails while Temporal is unavailable.
   */
  readStrong(orderId: string): Promise<FoundOrder | undefined>;
  /** Reads the order's log in Temporal, however long it is. Fails while Temporal is unavailable. */
  readHistory(orderId: string): Promise<OrderHistory | undefined>;
}

const WORKFLOW_WITHIN_MS = 2_000;
/** Time limit for the whole history; in `readHistory`, for each page. */
const HISTORY_WITHIN_MS = 2_000;

export function createOrderReader(client: Client, cachedOrders: Pick<CachedOrders, 'read'>): OrderReader {
  async function fromView(orderId: string, atLeast?: number): Promise<FoundOrder | undefined> {
    const view = await cachedOrders.read(orderId, atLeast);
    return view && { ...view, servedBy: 'view', cached: view };
  }

  /** @returns `resuming` if Temporal has only a resumed run that has not loaded its log yet */
  async function fromTemporal(orderId: string): Promise<FoundOrder | 'resuming' | undefined> {
    try {
      const handle = client.workflow.getHandle(workflowId(orderId));
      const [{ order, halted }, { status }] = await client.connection.withDeadline(
        Date.now() + WORKFLOW_WITHIN_MS,
        () => Promise.all([handle.query<OrderState>(stateQuery), handle.describe()]),
      );
      const stop =
        halted === undefined
          ? unlessFinished(order, status.name === 'RUNNING', statusInWords(status.name))
          : forkedReason(orderLog, orderId, halted.message);
      return { ...serialized(order, stop), servedBy: 'workflow' };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      // If no worker answers the query, Temporal can still give the history.
      return await fromHistory(orderId);
    }
  }

  async function fromHistory(orderId: string): Promise<FoundOrder | 'resuming' | undefined> {
    const log = await client.connection.withDeadline(Date.now() + HISTORY_WITHIN_MS, () =>
      readHistoryLog(orderLog, client, orderId),
    );
    if (log === undefined) return undefined;
    // A resumed run lacks the latest version until it has loaded its whole log from the journal.
    if (log.isResuming) return 'resuming';
    const order = foldHistory(orderLog, log);
    return (
      order && { ...serialized(order, unlessFinished(order, log.isOpen, log.ending)), servedBy: 'history' }
    );
  }

  return {
    readHistory: (orderId) => readHistoryLog(orderLog, client, orderId, { pageWithinMs: HISTORY_WITHIN_MS }),
    async read(orderId, atLeast) {
      let outage: unknown;
      try {
        const found = await fromView(orderId, atLeast);
        if (found !== undefined) return found;
      } catch (error) {
        if (!isMongoOutage(error)) throw error;
        outage = error;
      }
      const found = await fromTemporal(orderId);
      if (typeof found === 'object') return found;
      if (outage !== undefined) throw outage;
      if (found === 'resuming') throw orderResuming(orderId);
      return undefined;
    },
    async readStrong(orderId) {
      const found = await fromTemporal(orderId);
      if (typeof found === 'object') return found;
      const view = await fromView(orderId);
      if (view === undefined && found === 'resuming') throw orderResuming(orderId);
      return view;
    },
  };
}

/** Why the workflow of an open order has ended; undefined if it runs, or the order is finished. */
function unlessFinished(order: Order, isRunning: boolean, status?: string): StopReason | undefined {
  return isRunning || isFinished(order) ? undefined : endedReason(orderLog, order.orderId, status);
}

/** The order in its public shape. If it is stopped, no command is allowed. */
function serialized(order: Order, stop: StopReason | undefined): SerializedOrder {
  const { version, updatedAt } = order;
  const view = toView(order);
  if (stop === undefined) return { version, json: JSON.stringify(view), attention: attentionTimesOf(order) };
  const attention = { ...attentionTimesOf(order), stopped: { ...stop, since: updatedAt } };
  return { version, json: JSON.stringify(withoutCommands(view, stop)), attention };
}
