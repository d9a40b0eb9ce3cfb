import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import { ago } from '../time.js';
import { feedHead } from '../feed/feed.js';
import { batches } from '../../concurrency/async-iterables.js';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { stateViews } from '../entity-log/state-view.js';
import { journaledIds, notJournaled } from '../journal/read-journal.js';
import { notViewed, viewedIds } from '../entity-log/viewed-ids.js';
import type { Databases } from '../../databases.js';
import { listedIds } from '../history/workflow-list.js';
import { compareEntity, type Comparison } from './comparison.js';
import type { Discrepancy } from './discrepancy.js';
import type { OutsideProof } from './outside-proof.js';
import { wrongPositions } from './wrong-positions.js';

/** `W`: see `OutsideProof`. */
export interface VerifyDeps<W extends string = never> extends Databases {
  /** absent if the entity's effects make no outside changes that its log could prove */
  readonly outside?: OutsideProof<W>;
}

export interface VerifyOptions {
  /** only this entity */
  readonly orderId?: string;
  /** number of entities to draw at random; all by default */
  readonly sample?: number;
  /** see `CompareDeps` */
  readonly maxPauseMs?: number | undefined;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  /** a plural noun for what is counted, such as `positions` */
  readonly what: string;
  readonly done: number;
  /** an estimate; absent if unknown */
  readonly total?: number;
}

export interface VerifyReport<W extends string = never> {
  /** number of entities; the field keeps this name, because it is public */
  readonly orders: number;
  readonly events: number;
  /** entities whose history Temporal no longer keeps, so only journal and view were compared */
  readonly withoutHistory: number;
  /** the last position; absent if the feed's positions were not checked */
  readonly head?: number;
  /** number of discrepancies */
  readonly found: number;
  /** at most the first `MAX_REPORTED` */
  readonly discrepancies: readonly Discrepancy<W>[];
  /** set if one entity was to be verified, and no history, journal or view has it */
  readonly isUnknown?: true;
}

export const MAX_REPORTED = 1_000;

const CONCURRENCY = 8;
/** An event that has waited longer than this for a position when `verify` starts is reported. */
const POSITIONED_WITHIN_MS = 10_000;

/**
 * Checks, entity by entity, that history, journal, fold, view and workflow agree; that the changes
 * in outside systems are exactly those that the logs prove; and that positions are 1, 2, 3 …
 * without gaps, except for events of the last seconds. It only reads, and its memory is bounded.
 *
 * @throws errors of MongoDB and Temporal during an outage
 */
export async function verify<S extends State, D extends Draft, W extends string = never>(
  log: EntityLog<S, D>,
  deps: VerifyDeps<W>,
  { orderId, sample, maxPauseMs, onProgress = () => undefined }: VerifyOptions = {},
): Promise<VerifyReport<W>> {
  const { client, db, outside } = deps;
  const report = { orders: 0, events: 0, withoutHistory: 0, found: 0, discrepancies: [] as Discrepancy<W>[] };
  const note = (...discrepancies: readonly Discrepancy<W>[]): void => {
    report.found += discrepancies.length;
    report.discrepancies.push(...discrepancies.slice(0, MAX_REPORTED - report.discrepancies.length));
  };
  const ids =
    orderId !== undefined ? [orderId] : sample !== undefined ? sampled(log, db, sample) : allIds(log, deps);
  const what = `${log.entity.name}s`;
  const total = orderId !== undefined ? 1 : (sample ?? (await stateViews(log, db).estimatedDocumentCount()));
  for await (const { events, hasHistory, discrepancies } of compareAll(log, deps, ids, maxPauseMs)) {
    report.orders += 1;
    report.events += events;
    if (!hasHistory) report.withoutHistory += 1;
    note(...discrepancies);
    onProgress({ what, done: report.orders, total: Math.max(total, report.orders) });
  }
  if (orderId !== undefined) {
    const isKnown = report.events > 0 || report.withoutHistory === 0 || report.found > 0;
    return isKnown ? report : { ...report, isUnknown: true };
  }
  if (sample === undefined)
    for await (const discrepancy of outside?.compareUnknown(db, client) ?? []) note(discrepancy);
  const onSums = (counted: string, done: number) => onProgress({ what: counted, done });
  for await (const discrepancy of outside?.compareSums(db, onSums) ?? []) note(discrepancy);
  const head = await feedHead(log, db);
  const onPositions = (done: number) => onProgress({ what: 'positions', done, total: head });
  for await (const discrepancy of wrongPositions(log, db, head, onPositions)) note(discrepancy);
  return { ...report, head };
}

/**
 * Compares the copies of each entity's log. If they agree, also compares the log with what the
 * entity's effects changed in outside systems.
 */
async function* compareAll<S extends State, D extends Draft, W extends string>(
  log: EntityLog<S, D>,
  { client, db, outside }: VerifyDeps<W>,
  ids: AsyncIterable<string> | Iterable<string>,
  maxPauseMs: number | undefined,
): AsyncGenerator<Comparison<W>, void> {
  const deps = { client, db, asksWorkflow: true, positionedBefore: ago(POSITIONED_WITHIN_MS), maxPauseMs };
  const compare = async (id: string): Promise<Comparison<W>> => {
    const comparison: Comparison<W> = await compareEntity(log, deps, id);
    const isLogWhole = comparison.discrepancies.every(
      ({ where }) => where !== 'journal' && where !== 'history',
    );
    if (outside === undefined || comparison.events === 0 || !isLogWhole) return comparison;
    const found = await outside.compare(db, id);
    return { ...comparison, discrepancies: [...comparison.discrepancies, ...found] };
  };
  for await (const batch of batches(ids, CONCURRENCY)) yield* await Promise.all(batch.map(compare));
}

/** The ids of the entities that the journal, the views or Temporal have. */
async function* allIds(log: AnyLog, { client, db, taskQueue }: Databases): AsyncGenerator<string, void> {
  yield* journaledIds(log, db);
  for await (const others of notJournaled(log, db, viewedIds(log, db))) yield* others;
  for await (const others of notJournaled(log, db, listedIds(log, client, taskQueue)))
    yield* await notViewed(log, db, others);
}

async function* sampled(log: AnyLog, db: Db, size: number): AsyncGenerator<string, void> {
  // `$sample` may return a document more than once.
  const drawn = new Set<string>();
  const found = stateViews(log, db).aggregate<{ _id: string }>(
    [{ $sample: { size } }, { $project: { _id: 1 } }],
    committed,
  );
  for await (const { _id: orderId } of found) drawn.add(orderId);
  yield* drawn;
}
