import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import { later } from '../time.js';
import { batches } from '../../concurrency/async-iterables.js';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { type StateDocument, stateViews } from '../entity-log/state-view.js';
import { forks } from '../journal/fork.js';
import { journal } from '../journal/journal.js';
import { latestChangedIds, stoppedIds, unfinishedIds } from '../entity-log/viewed-ids.js';
import { forkedReason, markStopped } from '../journal/stops.js';
import type { Databases } from '../../databases.js';
import { type ListedEntity, listWorkflows } from '../history/workflow-list.js';
import { endedUnrecorded } from '../resume/resume-all.js';
import { compareAndRepair, type Compared, type RepairDeps } from './compare-and-repair.js';
import type { Discrepancy } from './discrepancy.js';
import { keepReconciliation, latestReconciliations, type Reconciliation } from './reconciliation-reports.js';
import { temporalLostSince } from './temporal-loss.js';

export interface ReconcileDeps<S extends State, D extends Draft> extends Databases, RepairDeps<S, D> {
  /** how many entities without visible problems are compared event by event; 200 by default */
  readonly rotationLimit?: number;
  /** how many of the most recently changed entities are compared, too; 200 by default */
  readonly recentLimit?: number;
}

/** Entities compared concurrently: each takes several requests to Temporal. */
const CONCURRENCY = 4;
const MAX_REPORTED = 100;

/** Temporal's list lags, so entities that closed just before the last run are listed again. */
const OVERLAP_MS = 10 * 60_000;
const FIRST_LOOK_BACK_MS = 24 * 60 * 60_000;

/**
 * Compares entities that are open, or were closed since the last run, with their journal and views.
 * What lags is recorded from the history, which is safe at any time. What differs is reported and
 * never overwritten.
 *
 * An entity without visible problems may lack its last events in both journal and view. So each run
 * also compares some of these event by event, in rotation: it continues after the entity with which
 * the last run stopped, so every entity is covered and the cost of a run is bounded. Each run also
 * compares the entities that changed recently. If Temporal has lost data since an earlier run, the
 * run compares all unfinished entities that changed since then, because their workflows may have
 * been restored to an older state.
 *
 * An entity that is not finished is reported with a remedy if its workflow is not running or was
 * restored to an older state. Its view is marked until the workflow continues. Every entity that is
 * marked is compared, so that a mark is removed when its reason is gone.
 *
 * @param run the run of the reconciling workflow; the report is stored under its id
 * @param heartbeat called after each step with the number of entities that it listed or compared
 */
export async function reconcile<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: ReconcileDeps<S, D>,
  run: Pick<Reconciliation, 'runId' | 'workflowId'>,
  heartbeat: (checked: number) => void,
): Promise<Reconciliation> {
  const { client, db, taskQueue, rotationLimit = 200, recentLimit = 200 } = deps;
  const startedAt = new Date().toISOString();
  const [last] = await latestReconciliations(log, db, 1);
  const since =
    last === undefined ? later(startedAt, -FIRST_LOOK_BACK_MS) : later(last.startedAt, -OVERLAP_MS);
  const comparing = new Comparing(log, deps, heartbeat);
  const { report } = comparing;
  let rotation: readonly string[] = [];
  const running = new Set<string>();
  const filter = `ExecutionStatus = 'Running' OR CloseTime >= '${since}'`;
  for await (const { listed } of listWorkflows(log, client, taskQueue, { filter })) {
    report.orders += listed.length;
    for (const { orderId, isOpen } of listed) if (isOpen) running.add(orderId);
    const mismatched = await mismatchedOf(log, db, listed);
    const matching = listed.map(({ orderId }) => orderId).filter((orderId) => !mismatched.has(orderId));
    rotation = inRotation([...rotation, ...matching], last?.cursor).slice(0, rotationLimit);
    heartbeat(listed.length);
    await comparing.compareAll([...mismatched]);
  }
  await comparing.compareAll(notIn(running, unfinishedIds(log, db)));
  await comparing.compareAll(stoppedIds(log, db));
  await comparing.compareAll(endedUnrecorded(log, { client, db, taskQueue }));
  await comparing.compareAll(await latestChangedIds(log, db, since, recentLimit));
  const lostSince = await temporalLostSince(log, client, db, OVERLAP_MS);
  if (lostSince !== undefined) await comparing.compareAll(unfinishedIds(log, db, lostSince));
  await comparing.compareAll(rotation);
  await markForks(log, db);
  const cursor = rotation.at(-1) ?? last?.cursor;
  const reconciliation = {
    ...run,
    startedAt,
    finishedAt: new Date().toISOString(),
    ...report,
    ...(cursor === undefined ? {} : { cursor }),
  };
  await keepReconciliation(log, db, reconciliation);
  return reconciliation;
}

/** Compares entities, each once in a run, and keeps the report. */
class Comparing<S extends State, D extends Draft> {
  readonly report = {
    orders: 0,
    compared: 0,
    repaired: 0,
    repairedOrders: [] as string[],
    found: 0,
    discrepancies: [] as Discrepancy[],
  };
  private readonly log: EntityLog<S, D>;
  private readonly deps: ReconcileDeps<S, D>;
  private readonly heartbeat: (checked: number) => void;
  private readonly compared = new Set<string>();

  constructor(log: EntityLog<S, D>, deps: ReconcileDeps<S, D>, heartbeat: (checked: number) => void) {
    this.log = log;
    this.deps = deps;
    this.heartbeat = heartbeat;
  }

  async compareAll(orderIds: AsyncIterable<string> | Iterable<string>): Promise<void> {
    for await (const some of batches(orderIds, CONCURRENCY)) {
      const batch = some.filter((orderId) => !this.compared.has(orderId));
      for (const orderId of batch) this.compared.add(orderId);
      const compared = batch.map((orderId) => compareAndRepair(this.log, this.deps, orderId));
      for (const outcome of await Promise.all(compared)) this.add(outcome);
      this.heartbeat(batch.length);
    }
  }

  private add({ orderId, wasRepaired, discrepancies }: Compared): void {
    const { report } = this;
    report.compared += 1;
    if (wasRepaired) {
      report.repaired += 1;
      if (report.repairedOrders.length < MAX_REPORTED) report.repairedOrders.push(orderId);
    }
    report.found += discrepancies.length;
    report.discrepancies.push(...discrepancies.slice(0, MAX_REPORTED - report.discrepancies.length));
  }
}

async function* notIn(
  running: ReadonlySet<string>,
  orderIds: AsyncIterable<string>,
): AsyncGenerator<string, void> {
  for await (const orderId of orderIds) if (!running.has(orderId)) yield orderId;
}

/** Marks the views of forked entities again, because a mark may be lost when a view is rebuilt. */
async function markForks(log: AnyLog, db: Db): Promise<void> {
  for await (const { _id: orderId, version } of forks(log, db).find({}, committed))
    await markStopped(
      log,
      db,
      orderId,
      forkedReason(log, orderId, `its history and its journal differ at version ${version}`),
    );
}

/** Entities whose journal, view and entry in Temporal's list differ; some may be in progress. */
async function mismatchedOf<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  listed: readonly ListedEntity[],
): Promise<ReadonlySet<string>> {
  const orderIds = listed.map(({ orderId }) => orderId);
  const [logs, views] = await Promise.all([
    journal(log, db)
      .aggregate<{ _id: string; last: number; events: number }>(
        [
          { $match: { orderId: { $in: orderIds } } },
          { $group: { _id: '$orderId', last: { $max: '$version' }, events: { $sum: 1 } } },
        ],
        committed,
      )
      .toArray(),
    stateViews(log, db)
      .find<StateDocument<S>>(
        { _id: { $in: orderIds } },
        { ...committed, projection: { version: 1, status: 1, state: 1 } },
      )
      .toArray(),
  ]);
  const lastOf = new Map(logs.map(({ _id: orderId, ...last }) => [orderId, last]));
  const viewOf = new Map(views.map(({ _id: orderId, ...view }) => [orderId, view]));
  const matches = ({ orderId, isOpen, status }: ListedEntity): boolean => {
    const [recorded, view] = [lastOf.get(orderId), viewOf.get(orderId)];
    return (
      recorded !== undefined &&
      recorded.last === recorded.events &&
      recorded.last === view?.version &&
      (status === undefined || status === view.status) &&
      // A finished entity whose workflow runs is about to end, or was restored to an older state.
      isOpen !== log.entity.isFinished(view.state)
    );
  };
  return new Set(listed.filter((one) => !matches(one)).map(({ orderId }) => orderId));
}

/**
 * The ids in descending order, beginning below the cursor and wrapping around. New ids that are
 * greater than all others are left to the next round, so they do not prolong the current one.
 */
function inRotation(orderIds: readonly string[], cursor: string | undefined): readonly string[] {
  const isInNextRound = (orderId: string) => cursor !== undefined && orderId >= cursor;
  return orderIds.toSorted((a, b) => Number(isInNextRound(a)) - Number(isInNextRound(b)) || (a < b ? 1 : -1));
}
