import type { Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Db } from 'mongodb';
import { committed, durable, isDuplicateKey } from '../../event-log/durability.js';
import { foldHistory, type HistoryLog, readHistoryLog } from '../../event-log/history.js';
import { appendToJournal, ensureJournalIndexes } from '../../event-log/journal.js';
import { eventFork, orderWorkflow, workflowId } from '../../workflows/messages.js';
import { ensureOrderIndexes, orders, projectOrder, toDocument } from '../orders.js';
import type { Rebuilding } from './rebuild.js';
import { StoreRebuilder } from './store-rebuild.js';

export interface JournalRebuilding extends Rebuilding {
  readonly client: Client;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
}

const pageSize = 100;
const ordersAtOnce = 8;

/**
 * Makes the journal and the view `orders` anew from the workflow histories, beside whatever is recorded meanwhile; what is
 * there already is left as it is. Positions and the views across orders follow by themselves, as for any event that is recorded.
 * Of an order whose first runs Temporal no longer has, the later events are restored, and the view from the state that its
 * oldest run took over; such orders are counted and named, and so are those whose journal tells another story.
 *
 * @returns false where `signal` ended it before
 * @throws Superseded where another has taken it over; and any error of the servers: call it again, it goes on where it was
 */
export async function rebuildJournal(rebuilding: JournalRebuilding): Promise<boolean> {
  const { db, client, orderTaskQueue, signal, beat, rebuildId } = rebuilding;
  await Promise.all([ensureJournalIndexes(db), ensureOrderIndexes(db)]);
  // One run of each order: the latest.
  const query = `WorkflowType = '${orderWorkflow}' AND TaskQueue = '${orderTaskQueue}' AND ExecutionStatus != 'ContinuedAsNew'`;
  const rebuilder = await StoreRebuilder.takeOver(db, 'journal', rebuildId, async () => {
    const { count } = await client.workflow.count(query);
    return { since: 0, total: count };
  });
  while (rebuilder.state.phase !== 'done') {
    if (signal.aborted) return false;
    const { place, done } = rebuilder.state;
    const page = await client.workflowService.listWorkflowExecutions({
      namespace: client.options.namespace,
      query,
      pageSize,
      ...(place === undefined ? {} : { nextPageToken: Buffer.from(place, 'base64') }),
    });
    const orderIds = page.executions.map(({ execution }) => orderIdOf(execution?.workflowId ?? ''));
    const exceptional: string[] = [];
    for (let from = 0; from < orderIds.length; from += ordersAtOnce) {
      if (signal.aborted) return false;
      const some = orderIds.slice(from, from + ordersAtOnce);
      const restored = await Promise.all(some.map((orderId) => restoreOrder(db, client, orderId)));
      exceptional.push(...some.filter((_, index) => restored[index] === false));
      beat(done + from + some.length);
    }
    const token = Buffer.from(page.nextPageToken ?? []).toString('base64');
    await rebuilder.advance({
      done: done + orderIds.length,
      exceptions: rebuilder.exceptionsWith(exceptional),
      ...(token === '' ? { phase: 'done' } : { place: token }),
    });
  }
  return true;
}

function orderIdOf(workflow: string): string {
  return workflow.slice(workflowId('').length);
}

/** False where not all of the order can be restored. */
async function restoreOrder(db: Db, client: Client, orderId: string): Promise<boolean> {
  try {
    const log = await readHistoryLog(client, orderId);
    // What is not decided yet will be recorded when it is.
    if (log === undefined || log.isForecast || log.events.length === 0) return true;
    await appendToJournal(db, log.events);
    await projectOrder(db, orderId);
    const isWhole = await reaches(db, orderId, log.events.at(-1)?.version ?? 0);
    if (!isWhole) await projectFromHistory(db, log);
    return isWhole;
  } catch (error) {
    if (isFork(error)) return false;
    throw error;
  }
}

async function reaches(db: Db, orderId: string, version: number): Promise<boolean> {
  const found = await orders(db).countDocuments({ _id: orderId, version: { $gte: version } }, committed);
  return found === 1;
}

async function projectFromHistory(db: Db, log: HistoryLog): Promise<void> {
  const order = foldHistory(log);
  if (order === undefined) return;
  const replacement = toDocument(order);
  try {
    const older = { _id: log.orderId, version: { $lt: order.version } };
    await orders(db).replaceOne(older, replacement, { upsert: true, ...durable });
  } catch (error) {
    // It is there, as new or newer.
    if (!isDuplicateKey(error)) throw error;
  }
  await projectOrder(db, log.orderId);
}

function isFork(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === eventFork;
}
