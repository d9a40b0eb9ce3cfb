import type { Db } from 'mongodb';
import type { Discrepancy } from './comparison.js';
import { committed, durable } from '../journal/durability.js';

/** What one comparison of Temporal with journal and views came to. */
export interface Reconciliation {
  /** of the workflow that made it */
  readonly runId: string;
  readonly workflowId?: string;
  /** ISO-8601 UTC */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** orders that were looked at: the open ones, and those closed of late */
  readonly orders: number;
  /** of these, compared event by event */
  readonly compared: number;
  /** orders that were behind and are not any more */
  readonly repaired: number;
  /** the first of them */
  readonly repairedOrders: readonly string[];
  /** discrepancies that nothing but a person can mend */
  readonly found: number;
  /** the first of them */
  readonly discrepancies: readonly Discrepancy[];
  /** id of the order that was compared last in turn: the next run goes on behind it */
  readonly cursor?: string;
}

const kept = 100;

export function reconciliations(db: Db) {
  return db.collection<Reconciliation & { readonly _id: string }>('reconciliations');
}

/** The reports that are kept, latest first, `limit` at most. */
export async function latestReconciliations(db: Db, limit: number): Promise<Reconciliation[]> {
  return await reconciliations(db)
    .find({}, committed)
    .project<Reconciliation>({ _id: 0 })
    .sort({ startedAt: -1 })
    .limit(limit)
    .toArray();
}

/** The report of a run; undefined while there is none. */
export async function reconciliationOf(db: Db, runId: string): Promise<Reconciliation | undefined> {
  const report = await reconciliations(db).findOne({ _id: runId }, { ...committed, projection: { _id: 0 } });
  return report ?? undefined;
}

/** Keeps a report in place of an earlier try of the same run; old ones make room. */
export async function keepReconciliation(db: Db, report: Reconciliation): Promise<void> {
  await reconciliations(db).replaceOne({ _id: report.runId }, report, { upsert: true, ...durable });
  const [oldestKept] = (await latestReconciliations(db, kept)).slice(kept - 1);
  if (oldestKept !== undefined)
    await reconciliations(db).deleteMany({ startedAt: { $lt: oldestKept.startedAt } }, durable);
}

/** Runs that may fail to appear before somebody should know: one may take longer than its interval. */
const missedAtMost = 3;

/**
 * Why people should look, by the latest report; undefined where they need not.
 *
 * @param everyMs how often there should be one
 */
export function concernOf(latest: Reconciliation | undefined, everyMs: number): string | undefined {
  if (latest === undefined) return undefined;
  const minutes = Math.round((Date.now() - Date.parse(latest.finishedAt)) / 60_000);
  if (minutes * 60_000 > missedAtMost * everyMs + 60_000) return `the last one was ${minutes} minutes ago`;
  const [first] = latest.discrepancies;
  if (first === undefined) return undefined;
  const { orderId, version, where, detail, remedy } = first;
  const place = [orderId, version === undefined ? undefined : `version ${version}`, where];
  return `${latest.found} found, the first: ${place.filter((part) => part !== undefined).join(', ')}: ${withRemedy(detail, remedy)}`;
}

/** What was found, and what a person can do. */
export function withRemedy(detail: string, remedy: string | undefined): string {
  return remedy === undefined ? detail : `${detail}: ${remedy}`;
}
