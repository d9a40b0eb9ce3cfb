import { Context, getClient } from '@temporalio/activity';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { isFinished } from '../../order/order.js';
import { later } from '../../order/time.js';
import { batches } from '../../concurrency/async-iterables.js';
import { type Comparison, compareOrder, type Discrepancy } from './comparison.js';
import { committed } from '../journal/durability.js';
import { forks } from '../journal/fork.js';
import { readHistoryLog } from '../journal/history.js';
import { journal, restoreLog } from '../journal/journal.js';
import { type ListedOrder, listOrderWorkflows } from '../journal/order-workflows.js';
import { keepReconciliation, latestReconciliations, type Reconciliation } from './reconciliations.js';
import { endedUnrecorded } from '../journal/resume-all.js';
import { clearStopped, forked, markStopped } from '../journal/stops.js';
import { isServerError } from '../../outages/server-error.js';
import { orders, projectOrder, unfinishedOrders } from '../../views/orders.js';
import type { ReconcileActivities } from '../workflow/reconcile-messages.js';
import { recognizeDatabase } from '../../effects/inventory/recognize-database.js';
import { restoreStock } from '../../effects/inventory/stock-restore.js';

export interface Reconciled {
  readonly client: Client;
  readonly db: Db;
  /** of the order workflows */
  readonly orderTaskQueue: string;
  /** how many orders without visible problems are compared event by event; 200 by default */
  readonly rotationLimit?: number;
  /** how many of the most recently changed orders are compared, too; 200 by default */
  readonly recentLimit?: number;
  /** see `Compared` */
  readonly longestPauseMs?: number;
}

/** Orders compared concurrently: each takes several requests to Temporal. */
const concurrency = 4;
const reportedAtMost = 100;

/**
 * Temporal's list lags by a moment, so orders that closed just before the last run are listed
 * again.
 */
const overlapMs = 10 * 60_000;
const firstLookBackMs = 24 * 60 * 60_000;

/** The activity of the scheduled reconciliation. */
export function createReconciling(given: Omit<Reconciled, 'client'>): ReconcileActivities {
  return {
    async reconcile() {
      const context = Context.current();
      const { runId = '', workflowId } = context.info.workflowExecution ?? {};
      const heartbeat = (done: number) => context.heartbeat(done);
      const by = { runId, ...(workflowId === undefined ? {} : { workflowId }) };
      const report = await reconcile({ ...given, client: getClient() }, by, heartbeat);
      return { orders: report.orders, repaired: report.repaired, found: report.found };
    },
  };
}

/**
 * Compares orders that are open, or were closed since the last run, with their journal and views.
 * What is behind is recorded from the history, which is safe at any time. What differs is reported
 * and never overwritten.
 *
 * An order without visible problems may lack its last events in both journal and view. So each run
 * also compares some of these event by event, in rotation: it continues after the order with which
 * the last run stopped, so every order is covered and the cost of a run is bounded. Also compared
 * are the orders that changed recently; and if Temporal has lost data since an earlier run, all
 * orders that changed since that run, because their workflows may have been restored to an older
 * state.
 *
 * An order that is not finished is reported with a remedy if its workflow is not running or was
 * restored to an older state. Its view is marked until the workflow continues.
 *
 * @param by the workflow run under which the report is stored
 * @param heartbeat called with the number of orders that were checked
 */
export async function reconcile(
  reconciled: Reconciled,
  by: Pick<Reconciliation, 'runId' | 'workflowId'>,
  heartbeat: (done: number) => void,
): Promise<Reconciliation> {
  const { client, db, orderTaskQueue, rotationLimit = 200, recentLimit = 200 } = reconciled;
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
    for await (const some of batches(orderIds, concurrency)) {
      const batch = some.filter((orderId) => !compared.has(orderId));
      for (const orderId of batch) compared.add(orderId);
      const results = await Promise.all(batch.map((orderId) => compareAndRepair(reconciled, orderId)));
      for (const { orderId, wasRepaired, discrepancies } of results) {
        report.compared += 1;
        if (wasRepaired) {
          report.repaired += 1;
          if (report.repairedOrders.length < reportedAtMost) report.repairedOrders.push(orderId);
        }
        report.found += discrepancies.length;
        report.discrepancies.push(...discrepancies.slice(0, reportedAtMost - report.discrepancies.length));
      }
      heartbeat(report.orders);
    }
  }

  let rotation: readonly string[] = [];
  const running = new Set<string>();
  const filter = `ExecutionStatus = 'Running' OR CloseTime >= '${since}'`;
  for await (const { orders: listed } of listOrderWorkflows(client, orderTaskQueue, { filter })) {
    report.orders += listed.length;
    for (const { orderId, isOpen } of listed) if (isOpen) running.add(orderId);
    const suspects = await suspectsOf(db, listed);
    const well = listed.map(({ orderId }) => orderId).filter((orderId) => !suspects.has(orderId));
    rotation = inRotation([...rotation, ...well], last?.cursor).slice(0, rotationLimit);
    await compareAll([...suspects]);
    heartbeat(report.orders);
  }
  await compareAll(notIn(running, unfinishedOrders(db)));
  await compareAll(endedUnrecorded({ client, db, taskQueue: orderTaskQueue }));
  await compareAll(await changedSince(db, since, recentLimit));
  const lostSince = await temporalLostSince(client, db);
  if (lostSince !== undefined) await compareAll(unfinishedOrders(db, lostSince));
  await compareAll(rotation);
  await markForks(db);
  const cursor = rotation.at(-1) ?? last?.cursor;
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

/** Orders that are not finished and have changed since a time; the latest ones. */
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
 * Checks whether Temporal still knows the workflows of earlier reconciliations. If it does not know
 * the latest one, Temporal was restored or replaced.
 *
 * @returns the time since which Temporal may have lost data; undefined if it has lost none
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

/** Marks the views of forked orders again, because a rebuilt view has no marks. */
async function markForks(db: Db): Promise<void> {
  for await (const { _id: orderId, version } of forks(db).find({}, committed))
    await markStopped(
      db,
      orderId,
      forked(orderId, `its history and its journal differ at version ${version}`),
    );
}

/**
 * Orders whose journal, view and entry in Temporal's list do not match. May include orders in
 * progress.
 */
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
      // Finished but running: it is about to end, or was restored to an older state.
      isOpen !== isFinished(view.state)
    );
  };
  return new Set(listed.filter((order) => !isWell(order)).map(({ orderId }) => orderId));
}

interface Outcome extends Pick<Comparison, 'discrepancies'> {
  readonly orderId: string;
  readonly wasRepaired: boolean;
}

async function compareAndRepair(
  { client, db, longestPauseMs }: Reconciled,
  orderId: string,
): Promise<Outcome> {
  const compared = { client, db, asksWorkflow: false, longestPauseMs };
  const before = await compareOrder(compared, orderId);
  const behind = before.discrepancies.filter(({ kind }) => kind === 'behind');
  if (behind.length === 0) {
    await mark(db, orderId, before.discrepancies);
    return { orderId, wasRepaired: false, discrepancies: before.discrepancies };
  }
  await repair(client, db, orderId);
  const { discrepancies } = await compareOrder(compared, orderId);
  await mark(db, orderId, discrepancies);
  const wasRepaired = discrepancies.length < before.discrepancies.length;
  return { orderId, wasRepaired, discrepancies };
}

/** Marks the view of an order that cannot continue, and removes a mark that no longer applies. */
async function mark(db: Db, orderId: string, discrepancies: readonly Discrepancy[]): Promise<void> {
  for (const { code, detail, remedy } of discrepancies)
    if (code !== undefined && remedy !== undefined)
      return await markStopped(db, orderId, { code, detail, remedy });
  if ((await forks(db).findOne({ _id: orderId }, committed)) === null) await clearStopped(db, orderId);
}

/** Records the history's events as the order's workflow would; existing ones are left alone. */
async function repair(client: Client, db: Db, orderId: string): Promise<void> {
  try {
    const log = await readHistoryLog(client, orderId);
    if (log !== undefined && !log.isForecast) {
      await restoreStock(db, [log]);
      await restoreLog(db, log.events);
    }
    await projectOrder(db, orderId);
  } catch (error) {
    // Other errors are about this order: the comparison that follows reports them.
    if (isServerError(error)) throw error;
  }
}

/**
 * Descending, starting below the cursor and wrapping around. New ids that sort last are left to the
 * next round, so they do not prolong the current one.
 */
function inRotation(orderIds: readonly string[], cursor: string | undefined): readonly string[] {
  const isInNextRound = (orderId: string) => cursor !== undefined && orderId >= cursor;
  return orderIds.toSorted((a, b) => Number(isInNextRound(a)) - Number(isInNextRound(b)) || (a < b ? 1 : -1));
}
