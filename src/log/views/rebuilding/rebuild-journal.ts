import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { recognizeDatabase } from '../../../effects/inventory/recognize-database.js';
import { beginRestore, endRestore } from '../../../effects/inventory/stock-restore.js';
import { workflowId } from '../../../order-log.js';
import { NewerEvent } from '../../../order/upcasters.js';
import { mapInOrder } from '../../../concurrency/async-iterables.js';
import { foldHistory, readHistoryLog } from '../../journal/history.js';
import { ensureJournalIndexes } from '../../journal/journal.js';
import { countOrderWorkflows, listOrderWorkflows, type OrderPage } from '../../journal/order-workflows.js';
import { isServerError } from '../../../outages/server-error.js';
import { ensureOrderIndexes } from '../../../views/orders.js';
import type { Rebuilding } from './rebuild.js';
import { type KeptOrder, restoreOrders } from './restore-orders.js';
import { StoreRebuilder } from './store-rebuild.js';

export interface JournalRebuilding extends Rebuilding {
  readonly client: Client;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
  /** orders between two checkpoints; by default a page of Temporal's list */
  readonly pageSize?: number;
}

const historiesAtOnce = 8;
const LOOK_AGAIN_MS = 500;
/** Longer than the 10 s after which Temporal gives the task of a killed worker to another. */
const DECIDED_WITHIN_MS = 20_000;
const eventsAtATime = 500;

/**
 * Restores stock movements, journal and the view `orders` from the workflow histories, while orders
 * are recorded as usual. What exists is left as it is. Positions and views across orders follow as
 * for any recorded event.
 *
 * If Temporal no longer has an order's first runs, its later events are restored, and its view from
 * the state that its oldest run took over. Such orders are counted and named as exceptions, and so
 * are those whose journal differs from the history, or whose history is not a log.
 *
 * @returns false if `signal` ended it before it was done
 * @throws Superseded if another worker has taken it over; and any error of the servers: call it
 *   again, it continues from its checkpoint
 */
export async function rebuildJournal(rebuilding: JournalRebuilding): Promise<boolean> {
  const { db, client, orderTaskQueue } = rebuilding;
  await recognizeDatabase({ db, client, taskQueue: orderTaskQueue });
  await beginRestore(db);
  if (!(await restoreAll(rebuilding))) return false;
  await endRestore(db);
  return true;
}

async function restoreAll(rebuilding: JournalRebuilding): Promise<boolean> {
  const { db, client, orderTaskQueue, signal, heartbeat, rebuildId } = rebuilding;
  await Promise.all([ensureJournalIndexes(db), ensureOrderIndexes(db)]);
  const rebuilder = await StoreRebuilder.takeOver(db, 'journal', rebuildId, async () => ({
    since: 0,
    total: await countOrderWorkflows(client, orderTaskQueue),
  }));
  if (rebuilder.state.phase === 'done') return true;
  let { done } = rebuilder.state;
  const alive = (): void => heartbeat(done);
  let exceptions: string[] = [];

  async function restore({ orders, page }: Batch): Promise<void> {
    const kept = orders.flatMap((order) => order.kept ?? []);
    const broken = orders.flatMap(({ orderId, isBroken }) => (isBroken ? [orderId] : []));
    exceptions.push(...broken, ...(await restoreOrders(db, kept, alive)));
    done += orders.length;
    alive();
    if (page === undefined) return;
    await rebuilder.advance({
      done,
      exceptions: rebuilder.exceptionsWith(exceptions),
      ...(page.next === undefined ? { phase: 'done' } : { place: page.next }),
    });
    exceptions = [];
  }

  let restoring = Promise.resolve();
  try {
    for await (const batch of readBatches(rebuilding, rebuilder.state.place, alive)) {
      await restoring;
      if (signal.aborted) return false;
      // Reads the next batch while this one is written.
      restoring = restore(batch);
      restoring.catch(() => undefined);
    }
  } finally {
    await restoring;
  }
  return true;
}

/** An order of Temporal's list. */
interface ReadOrder {
  readonly orderId: string;
  /** absent if nothing is decided yet: it will be recorded as usual */
  readonly kept?: KeptOrder;
  /** its history is not a log */
  readonly isBroken: boolean;
}

interface Batch {
  readonly orders: readonly ReadOrder[];
  /** the page of Temporal's list that this batch completes, if it does */
  readonly page?: OrderPage;
}

/** @param place the checkpoint of an earlier attempt in Temporal's list */
async function* readBatches(
  { client, orderTaskQueue, pageSize }: JournalRebuilding,
  place: string | undefined,
  alive: () => void,
): AsyncGenerator<Batch, void> {
  // For all orders together: without a worker, no task is ever decided.
  const giveUpAt = Date.now() + DECIDED_WITHIN_MS;
  for await (const page of listOrderWorkflows(client, orderTaskQueue, { from: place, pageSize })) {
    let orders: ReadOrder[] = [];
    let events = 0;
    for await (const order of mapInOrder(page.orders, historiesAtOnce, (one) =>
      readOrder(client, one.orderId, { giveUpAt, alive }),
    )) {
      alive();
      orders.push(order);
      events += order.kept?.log.events.length ?? 0;
      if (events < eventsAtATime) continue;
      yield { orders };
      orders = [];
      events = 0;
    }
    yield { orders, page };
  }
}

async function readOrder(
  client: Client,
  orderId: string,
  waiting: { readonly giveUpAt: number; readonly alive: () => void },
): Promise<ReadOrder> {
  try {
    let kept = await readKept(client, orderId);
    // What the order owes may be done already: its outcome is an event once the next task is decided.
    if (kept !== undefined && kept.order.owed.length > 0) {
      await untilDecided(client, orderId, waiting);
      kept = await readKept(client, orderId);
    }
    return { orderId, isBroken: false, ...(kept && { kept }) };
  } catch (error) {
    if (isServerError(error) || error instanceof NewerEvent) throw error;
    return { orderId, isBroken: true };
  }
}

/** @returns undefined if nothing is decided yet */
async function readKept(client: Client, orderId: string): Promise<KeptOrder | undefined> {
  const log = await readHistoryLog(client, orderId);
  const order = log === undefined || log.isForecast ? undefined : foldHistory(log);
  return log && order && { log, order };
}

/** Waits while a workflow task of the order is with a worker, or waits for one. */
async function untilDecided(
  client: Client,
  orderId: string,
  { giveUpAt, alive }: { readonly giveUpAt: number; readonly alive: () => void },
): Promise<void> {
  const workflow = client.workflow.getHandle(workflowId(orderId));
  while (Date.now() < giveUpAt && (await workflow.describe()).raw.pendingWorkflowTask) {
    alive();
    await setTimeout(LOOK_AGAIN_MS);
  }
}
