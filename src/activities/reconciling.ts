import { Context, getClient } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { isFinished } from '../domain/order.js';
import { later } from '../domain/time.js';
import { type Comparison, compareOrder, type Discrepancy } from '../event-log/comparison.js';
import { committed } from '../event-log/durability.js';
import { noteReturn } from '../event-log/feed.js';
import { readHistoryLog } from '../event-log/history.js';
import { journal, restoreLog } from '../event-log/journal.js';
import { type ListedOrder, listOrderWorkflows } from '../event-log/order-workflows.js';
import {
  keepReconciliation,
  latestReconciliations,
  type Reconciliation,
} from '../event-log/reconciliations.js';
import { isServerError } from '../platform/server-error.js';
import { orders, projectOrder } from '../projections/orders.js';
import { requestRebuildsAfterLoss } from '../projections/rebuilding/request-rebuild.js';
import type { ReconcileActivities } from '../workflows/reconcile-messages.js';
import { recognizeDatabase } from './recognize-database.js';
import { restoreStock } from './stock-restore.js';

export interface Reconciled {
  readonly client: Client;
  readonly db: Db;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
  /** orders that look well and are compared event by event all the same; 200 by default */
  readonly comparedInTurn?: number;
}

/** Compared at once: each takes some requests to Temporal. */
const atOnce = 4;
const reportedAtMost = 100;

/** Temporal's lists are a moment old: what closed just before the last look may not have been in it. */
const overlapMs = 10 * 60_000;
const firstLookBackMs = 24 * 60 * 60_000;

/** The scheduled comparison of Temporal with journal and views. */
export function createReconciling(given: Omit<Reconciled, 'client'>): ReconcileActivities {
  return {
    async reconcile() {
      const context = Context.current();
      const { runId = '' } = context.info.workflowExecution ?? {};
      const beat = (done: number) => context.heartbeat(done);
      const report = await reconcile({ ...given, client: getClient() }, runId, beat);
      return { orders: report.orders, repaired: report.repaired, found: report.found };
    },
  };
}

/**
 * Compares the orders that are open, or closed since the last time, with their journal and views. What is behind is recorded
 * from the history, which is safe to do at any time; what differs is reported and never written over. Where events come back
 * that had positions, the views across orders are built anew.
 *
 * An order that looks well may lack its last events in journal and view alike. So some of these are compared event by event
 * in each run, where the last one has stopped: every order's turn comes, and a run's cost stays bounded.
 *
 * @param runId under which the report is kept
 * @param beat called with the number of orders that were looked at
 */
export async function reconcile(
  reconciled: Reconciled,
  runId: string,
  beat: (done: number) => void,
): Promise<Reconciliation> {
  const { client, db, orderTaskQueue, comparedInTurn = 200 } = reconciled;
  const startedAt = new Date().toISOString();
  await recognizeDatabase({ client, db, taskQueue: orderTaskQueue });
  const [last] = await latestReconciliations(db, 1);
  const since = last === undefined ? later(startedAt, -firstLookBackMs) : later(last.startedAt, -overlapMs);
  const report = {
    orders: 0,
    compared: 0,
    repaired: 0,
    repairedOrders: [] as string[],
    found: 0,
    discrepancies: [] as Discrepancy[],
  };

  async function compareAll(orderIds: readonly string[]): Promise<void> {
    for (let index = 0; index < orderIds.length; index += atOnce) {
      const batch = orderIds.slice(index, index + atOnce);
      const results = await Promise.all(batch.map((orderId) => compareAndRepair(client, db, orderId)));
      for (const { orderId, wasRepaired, discrepancies } of results) {
        report.compared += 1;
        if (wasRepaired) {
          report.repaired += 1;
          if (report.repairedOrders.length < reportedAtMost) report.repairedOrders.push(orderId);
        }
        report.found += discrepancies.length;
        report.discrepancies.push(...discrepancies.slice(0, reportedAtMost - report.discrepancies.length));
      }
      beat(report.orders);
    }
  }

  let turn: readonly string[] = [];
  const filter = `ExecutionStatus = 'Running' OR CloseTime >= '${since}'`;
  for await (const { orders: listed } of listOrderWorkflows(client, orderTaskQueue, { filter })) {
    report.orders += listed.length;
    const suspects = await suspectsOf(db, listed);
    const well = listed.map(({ orderId }) => orderId).filter((orderId) => !suspects.has(orderId));
    turn = inRotation([...turn, ...well], last?.cursor).slice(0, comparedInTurn);
    await compareAll([...suspects]);
    beat(report.orders);
  }
  await compareAll(turn);
  await requestRebuildsAfterLoss(reconciled, () => beat(report.orders));
  const cursor = turn.at(-1) ?? last?.cursor;
  const reconciliation = {
    runId,
    startedAt,
    finishedAt: new Date().toISOString(),
    ...report,
    ...(cursor === undefined ? {} : { cursor }),
  };
  await keepReconciliation(db, reconciliation);
  return reconciliation;
}

/** Orders that cannot be right by what MongoDB and Temporal's list have of them. Orders under way may be among them. */
async function suspectsOf(db: Db, listed: readonly ListedOrder[]): Promise<ReadonlySet<string>> {
  const orderIds = listed.map(({ orderId }) => orderId);
  const [logs, views] = await Promise.all([
    journal(db)
      .aggregate<{ _id: string; last: number; events: number }>(
        [
          { $match: { orderId: { $in: orderIds } } },
          { $group: { _id: '$orderId', last: { $max: '$version' }, events: { $sum: 1 } } },
        ],
        committed,
      )
      .toArray(),
    orders(db)
      .find({ _id: { $in: orderIds } }, { ...committed, projection: { version: 1, status: 1, state: 1 } })
      .toArray(),
  ]);
  const logOf = new Map(logs.map(({ _id: orderId, ...log }) => [orderId, log]));
  const viewOf = new Map(views.map(({ _id: orderId, ...view }) => [orderId, view]));
  const isWell = ({ orderId, isOpen, status }: ListedOrder): boolean => {
    const [log, view] = [logOf.get(orderId), viewOf.get(orderId)];
    return (
      log !== undefined &&
      log.last === log.events &&
      log.last === view?.version &&
      (status === undefined || status === view.status) &&
      (isOpen || isFinished(view.state))
    );
  };
  return new Set(listed.filter((order) => !isWell(order)).map(({ orderId }) => orderId));
}

interface Outcome extends Pick<Comparison, 'discrepancies'> {
  readonly orderId: string;
  readonly wasRepaired: boolean;
}

async function compareAndRepair(client: Client, db: Db, orderId: string): Promise<Outcome> {
  const compared = { client, db, asksWorkflow: false };
  const before = await compareOrder(compared, orderId);
  const behind = before.discrepancies.filter(({ kind }) => kind === 'behind');
  if (behind.length === 0) return { orderId, wasRepaired: false, discrepancies: before.discrepancies };
  if (behind.some(({ where }) => where === 'journal')) await noteReturn(db);
  await repair(client, db, orderId);
  const { discrepancies } = await compareOrder(compared, orderId);
  const wasRepaired = discrepancies.length < before.discrepancies.length;
  return { orderId, wasRepaired, discrepancies };
}

/** Records what the history has, as the order's own workflow would: what is there already is left as it is. */
async function repair(client: Client, db: Db, orderId: string): Promise<void> {
  try {
    const log = await readHistoryLog(client, orderId);
    if (log !== undefined && !log.isForecast) {
      await restoreStock(db, [log]);
      await restoreLog(db, log.events);
    }
    await projectOrder(db, orderId);
  } catch (error) {
    // What is wrong with this order: found by the comparison.
    if (isServerError(error)) throw error;
  }
}

/** Downwards, from below the cursor and round again: ids that grow with time lengthen the next round, never the one under way. */
function inRotation(orderIds: readonly string[], cursor: string | undefined): readonly string[] {
  const isInNextRound = (orderId: string) => cursor !== undefined && orderId >= cursor;
  return orderIds.toSorted((a, b) => Number(isInNextRound(a)) - Number(isInNextRound(b)) || (a < b ? 1 : -1));
}
