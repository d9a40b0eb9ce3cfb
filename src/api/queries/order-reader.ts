import { type OrderState, workflowId } from '../../order-log.js';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type Order, isFinished } from '../../order/order.js';
import { toView } from '../../order/view.js';
import { foldHistory, type HistoryLog, readHistoryLog } from '../../log/journal/history.js';
import { type Cause, ended, forked, wordOf } from '../../log/journal/stops.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { concernsOf } from '../../views/concerns.js';
import type { StoredView } from '../../views/cache/order-cache.js';
import type { OrderViews } from '../../views/cache/order-views.js';
import { withoutCommands } from '../../views/orders.js';
import { stateQuery } from '../../log/workflow/messages.js';

export interface FoundOrder extends StoredView {
  readonly servedBy: 'view' | 'workflow' | 'history' | 'journal';
}

/**
 * The ways to an order as it is now. Both answer undefined only where the views and Temporal say
 * there is no such order.
 */
export interface OrderReader {
  /**
   * The view; where it has none, or MongoDB is away, the workflow or its history. Fails where
   * neither can be asked.
   *
   * @param atLeast a version the view is known to have
   */
  read(orderId: string, atLeast?: number): Promise<FoundOrder | undefined>;
  /**
   * The workflow, or its history; the view of an order whose history is not kept any more. Fails
   * with Temporal away.
   */
  readStrong(orderId: string): Promise<FoundOrder | undefined>;
  /** The order's log in Temporal, however long it is. Fails with Temporal away. */
  readHistory(orderId: string): Promise<HistoryLog | undefined>;
}

const WORKFLOW_WITHIN_MS = 2_000;
/** All of it; where it was asked for, each of its pages. */
const HISTORY_WITHIN_MS = 2_000;

export function createOrderReader(client: Client, views: Pick<OrderViews, 'read'>): OrderReader {
  async function fromView(orderId: string, atLeast?: number): Promise<FoundOrder | undefined> {
    const view = await views.read(orderId, atLeast);
    return view && { ...view, servedBy: 'view' };
  }

  async function fromTemporal(orderId: string): Promise<FoundOrder | undefined> {
    try {
      const handle = client.workflow.getHandle(workflowId(orderId));
      const [{ order, halted }, { status }] = await client.connection.withDeadline(
        Date.now() + WORKFLOW_WITHIN_MS,
        () => Promise.all([handle.query<OrderState>(stateQuery), handle.describe()]),
      );
      const stop =
        halted === undefined
          ? unlessFinished(order, status.name === 'RUNNING', wordOf(status.name))
          : forked(orderId, halted.message);
      return { ...stored(order, stop), servedBy: 'workflow' };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      // Whatever keeps the workers from answering does not keep the history from being read.
      return await fromHistory(orderId);
    }
  }

  async function fromHistory(orderId: string): Promise<FoundOrder | undefined> {
    const log = await client.connection.withDeadline(Date.now() + HISTORY_WITHIN_MS, () =>
      readHistoryLog(client, orderId),
    );
    // One that takes its order over from the journal is not as far yet.
    if (log === undefined || log.isResuming) return undefined;
    const order = foldHistory(log);
    return order && { ...stored(order, unlessFinished(order, log.isOpen, log.ending)), servedBy: 'history' };
  }

  return {
    readHistory: (orderId) => readHistoryLog(client, orderId, { pageWithinMs: HISTORY_WITHIN_MS }),
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
      if (found === undefined && outage !== undefined) throw outage;
      return found;
    },
    async readStrong(orderId) {
      return (await fromTemporal(orderId)) ?? (await fromView(orderId));
    },
  };
}

function unlessFinished(order: Order, isRunning: boolean, status?: string): Cause | undefined {
  return isRunning || isFinished(order) ? undefined : ended(order.orderId, status);
}

function stored(order: Order, stop: Cause | undefined): StoredView {
  const { version, updatedAt } = order;
  const view = toView(order);
  if (stop === undefined) return { version, json: JSON.stringify(view), concerns: concernsOf(order) };
  const concerns = { ...concernsOf(order), stopped: { ...stop, since: updatedAt } };
  return { version, json: JSON.stringify(withoutCommands(view, stop)), concerns };
}
