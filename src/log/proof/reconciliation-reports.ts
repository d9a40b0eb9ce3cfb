import type { Db } from 'mongodb';
import type { Discrepancy } from './discrepancy.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';

/** The report of one reconciliation: a comparison of Temporal with the journal and the views. */
export interface Reconciliation {
  /** run id of the workflow that made the report */
  readonly runId: string;
  readonly workflowId?: string;
  /** ISO-8601 UTC */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** number of entities that were open, or closed since the last run; the name is persisted */
  readonly orders: number;
  /** entities that were compared event by event */
  readonly compared: number;
  /** entities that lagged and were repaired */
  readonly repaired: number;
  /** ids of the first repaired entities */
  readonly repairedOrders: readonly string[];
  /** number of discrepancies that are left after the repairs */
  readonly found: number;
  /** the first of these discrepancies */
  readonly discrepancies: readonly Discrepancy[];
  /** id of the entity with which the rotation stopped; the next run continues after it */
  readonly cursor?: string;
}

/** Older reports are deleted. */
export const MAX_KEPT = 100;

export function reconciliations(log: AnyLog, db: Db) {
  return db.collection<Reconciliation & { readonly _id: string }>(log.reconciliations);
}

/** The stored reports, latest first, at most `limit`. */
export async function latestReconciliations(log: AnyLog, db: Db, limit: number): Promise<Reconciliation[]> {
  return await reconciliations(log, db)
    .find({}, committed)
    .project<Reconciliation>({ _id: 0 })
    .sort({ startedAt: -1 })
    .limit(limit)
    .toArray();
}

/** The report of a run; undefined if there is none yet. */
export async function reconciliationOf(
  log: AnyLog,
  db: Db,
  runId: string,
): Promise<Reconciliation | undefined> {
  const report = await reconciliations(log, db).findOne(
    { _id: runId },
    { ...committed, projection: { _id: 0 } },
  );
  return report ?? undefined;
}

/** Stores a report, replacing that of an earlier attempt of the same run; deletes old reports. */
export async function keepReconciliation(log: AnyLog, db: Db, report: Reconciliation): Promise<void> {
  await reconciliations(log, db).replaceOne({ _id: report.runId }, report, { upsert: true, ...durable });
  const [oldestKept] = (await latestReconciliations(log, db, MAX_KEPT)).slice(MAX_KEPT - 1);
  if (oldestKept !== undefined)
    await reconciliations(log, db).deleteMany({ startedAt: { $lt: oldestKept.startedAt } }, durable);
}

/** How many runs may be missing without concern: one run may take longer than the interval. */
const MAX_MISSED = 3;

/**
 * What operators should know from the latest report; undefined if nothing.
 *
 * @param everyMs the interval of the reconciliation
 */
export function concernOf(latest: Reconciliation | undefined, everyMs: number): string | undefined {
  if (latest === undefined) return undefined;
  const minutes = Math.round((Date.now() - Date.parse(latest.finishedAt)) / 60_000);
  if (minutes * 60_000 > MAX_MISSED * everyMs + 60_000) return `the last one was ${minutes} minutes ago`;
  const [first] = latest.discrepancies;
  if (first === undefined) return undefined;
  const { orderId, version, where, detail, remedy } = first;
  const parts = [orderId, version === undefined ? undefined : `version ${version}`, where];
  return `${latest.found} found, the first: ${parts.filter((part) => part !== undefined).join(', ')}: ${withRemedy(detail, remedy)}`;
}

/** What was found, followed by what to do. */
export function withRemedy(detail: string, remedy: string | undefined): string {
  return remedy === undefined ? detail : `${detail}: ${remedy}`;
}
