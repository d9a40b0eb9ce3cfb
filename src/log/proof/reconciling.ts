import { Context, getClient } from '@temporalio/activity';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { isFinished } from '../../order/order.js';
import { later } from '../../order/time.js';
import { batches } from '../journal/chunks.js';
import { type Comparison, compareOrder, type Discrepancy } from './comparison.js';
import { committed } from '../journal/durability.js';
import { noteReturn } from '../feed/feed.js';
import { forks } from '../journal/fork.js';
import { readHistoryLog } from '../journal/history.js';
import { journal, restoreLog } from '../journal/journal.js';
import { type ListedOrder, listOrderWorkflows } from '../journal/order-workflows.js';
import { keepReconciliation, latestReconciliations, type Reconciliation } from './reconciliations.js';
import { endedUnrecorded } from '../journal/resume-all.js';
import { clearStopped, forked, markStopped } from '../journal/stops.js';
import { isServerError } from '../../outages/server-error.js';
import { orders, projectOrder, unfinishedOrders } from '../../views/orders.js';
import { requestRebuildsAfterLoss } from '../views/rebuilding/request-rebuild.js';
import type { ReconcileActivities } from '../workflow/reconcile-messages.js';
import { recognizeDatabase } from '../../effects/inventory/recognize-database.js';
import { restoreStock } from '../../effects/inventory/stock-restore.js';

export interface Reconciled {
  readonly client: Client;
  readonly db: Db;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
  /** orders that look well and are compared event by event all the same; 200 by default */
  readonly comparedInTurn?: number;
  /** of the orders that changed since the last time, the latest, which are compared as well; 200 by default */
  readonly comparedOfLate?: number;
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
      const { runId = '', workflowId } = context.info.workflowExecution ?? {};
      const beat = (done: number) => context.heartbeat(done);
      const by = { runId, ...(workflowId === undefined ? {} : { workflowId }) };
      const report = await reconcile({ ...given, client: getClient() }, by, beat);
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
 * in each run, where the last one has stopped: every order's turn comes, and a run's cost stays bounded. So are those that
 * changed of late, and, where Temporal has lost what it knew at an earlier run, all that changed since that: their workflows may
 * have been put back.
 *
 * An order that is not finished and has no running workflow, or one that was put back, is reported with its remedy, and its view
 * is marked until its workflow goes on.
 *
 * @param by the workflow under which the report is kept
 * @param beat called with the number of orders that were looked at
 */
export async function reconcile(
  reconciled: Reconciled,
  by: Pick<Reconciliation, 'runId' | 'workflowId'>,
  beat: (done: number) => void,
): Promise<Reconciliation> {
  const { client, db, orderTaskQueue, comparedInTurn = 200, comparedOfLate = 200 } = reconciled;
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

  const compared = new Set<string>();
  async function compareAll(orderIds: AsyncIterable<string> | Iterable<string>): Promise<void> {
    for await (const some of batches(orderIds, atOnce)) {
      const batch = some.filter((orderId) => !compared.has(orderId));
      for (const orderId of batch) compared.add(orderId);
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
  const running = new Set<string>();
  const filter = `ExecutionStatus = 'Running' OR CloseTime >= '${since}'`;
  for await (const { orders: listed } of listOrderWorkflows(client, orderTaskQueue, { filter })) {
    report.orders += listed.length;
    for (const { orderId, isOpen } of listed) if (isOpen) running.add(orderId);
    const suspects = await suspectsOf(db, listed);
    const well = listed.map(({ orderId }) => orderId).filter((orderId) => !suspects.has(orderId));
    turn = inRotation([...turn, ...well], last?.cursor).slice(0, comparedInTurn);
    await compareAll([...suspects]);
    beat(report.orders);
  }
  await compareAll(notIn(running, unfinishedOrders(db)));
  await compareAll(endedUnrecorded({ client, db, taskQueue: orderTaskQueue }));
  await compareAll(await changedSince(db, since, comparedOfLate));
  const lostSince = await temporalLostSince(client, db);
  if (lostSince !== undefined) await compareAll(unfinishedOrders(db, lostSince));
  await compareAll(turn);
  await markForks(db);
  await requestRebuildsAfterLoss(reconciled, () => beat(report.orders));
  const cursor = turn.at(-1) ?? last?.cursor;
  const reconciliation = {
    ...by,
    startedAt,
    finishedAt: new Date().toISOString(),
    ...report,
    ...(cursor === undefined ? {} : { cursor }),
  };
  await keepReconciliation(db, reconciliation);
  return reconciliation;
}

async function* notIn(
  running: ReadonlySet<string>,
  orderIds: AsyncIterable<string>,
): AsyncGenerator<string, void> {
  for await (const orderId of orderIds) if (!running.has(orderId)) yield orderId;
}

/** Orders that are not finished and changed since a time: the latest of them. */
async function changedSince(db: Db, since: string, limit: number): Promise<readonly string[]> {
  if (limit === 0) return [];
  return await orders(db)
    .find({ updatedAt: { $gte: since }, finished: false }, { ...committed, projection: { _id: 1 } })
    .sort({ updatedAt: -1 })
    .limit(limit)
    .map(({ _id }) => _id)
    .toArray();
}

/**
 * Whether Temporal still knows the workflows of earlier runs. Where it does not know the latest, it was put back, or replaced.
 *
 * @returns the time since which it may have lost what happened; undefined where it has lost nothing
 */
async function temporalLostSince(client: Client, db: Db): Promise<string | undefined> {
  const [latest, ...earlier] = await latestReconciliations(db, 100);
  if (latest?.workflowId === undefined || (await isKnown(client, latest))) return undefined;
  for (const report of earlier) if (await isKnown(client, report)) return later(report.startedAt, -overlapMs);
  return '';
}

async function isKnown(client: Client, { workflowId, runId }: Reconciliation): Promise<boolean> {
  if (workflowId === undefined) return false;
  try {
    await client.workflow.getHandle(workflowId, runId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** A view that was built anew since the fork was noted has no mark. */
async function markForks(db: Db): Promise<void> {
  for await (const { _id: orderId, version } of forks(db).find({}, committed))
    await markStopped(
      db,
      orderId,
      forked(orderId, `its history and its journal differ at version ${version}`),
    );
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
      // One that is finished and open is about to end, or was put back.
      isOpen !== isFinished(view.state)
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
  if (behind.length === 0) {
    await mark(db, orderId, before.discrepancies);
    return { orderId, wasRepaired: false, discrepancies: before.discrepancies };
  }
  if (behind.some(({ where }) => where === 'journal')) await noteReturn(db);
  await repair(client, db, orderId);
  const { discrepancies } = await compareOrder(compared, orderId);
  await mark(db, orderId, discrepancies);
  const wasRepaired = discrepancies.length < before.discrepancies.length;
  return { orderId, wasRepaired, discrepancies };
}

/** Marks the view of an order that cannot go on by itself, and takes a mark away that does not hold any more. */
async function mark(db: Db, orderId: string, discrepancies: readonly Discrepancy[]): Promise<void> {
  for (const { code, detail, remedy } of discrepancies)
    if (code !== undefined && remedy !== undefined)
      return await markStopped(db, orderId, { code, detail, remedy });
  if ((await forks(db).findOne({ _id: orderId }, committed)) === null) await clearStopped(db, orderId);
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
