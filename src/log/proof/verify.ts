import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import { ago } from '../time.js';
import { feedHead } from '../feed/feed.js';
import { batches } from '../../concurrency/async-iterables.js';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../journal/entity-log.js';
import { stateViews } from '../journal/state-view.js';
import { journal } from '../journal/journal.js';
import { journaledIds, notJournaled } from '../journal/read-journal.js';
import { viewedIds } from '../journal/viewed-ids.js';
import type { Databases } from '../history/databases.js';
import { listedIds } from '../history/workflow-list.js';
import { compareEntity, type Comparison } from './comparison.js';
import type { Discrepancy } from './discrepancy.js';
import type { OutsideProof } from './outside-proof.js';
import { remedyOf } from './remedies.js';

/** `W`: see `OutsideProof`. */
export interface VerifyDeps<W extends string = never> extends Databases {
  /** absent if the effects of the entity change nothing that its log could prove */
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
  /** what is counted, as a plural */
  readonly what: string;
  readonly done: number;
  /** an estimate; absent if unknown */
  readonly total?: number;
}

export interface VerifyReport<W extends string = never> {
  /** number of entities; the field keeps this name, because it is public */
  readonly orders: number;
  readonly events: number;
  /** entities whose history Temporal no longer keeps, so that only their journal was checked */
  readonly withoutHistory: number;
  /** the last position; absent if the feed's positions were not checked */
  readonly head?: number;
  /** number of discrepancies */
  readonly found: number;
  /** at most the first `MAX_REPORTED` */
  readonly discrepancies: readonly Discrepancy<W>[];
}

export const MAX_REPORTED = 1_000;

const CONCURRENCY = 8;
const PROGRESS_EVERY = 1_000;
/** An event that has waited longer than this for a position when `verify` starts is reported. */
const POSITIONED_WITHIN_MS = 10_000;

/**
 * Checks, entity by entity, that history, journal, fold, view and workflow agree; that effects have
 * changed outside exactly what the logs prove; and that positions are 1, 2, 3 … without gaps,
 * except for events of the last seconds. It only reads, and its memory is bounded.
 *
 * @throws errors of MongoDB and Temporal during an outage
 */
export async function verify<S extends State, D extends Draft, W extends string = never>(
  log: EntityLog<S, D>,
  deps: VerifyDeps<W>,
  options: VerifyOptions = {},
): Promise<VerifyReport<W>> {
  const { orderId, sample, maxPauseMs, onProgress } = options;
  const { client, db, taskQueue, outside } = deps;
  const entities = `${log.entity.name}s`;
  const report = { orders: 0, events: 0, withoutHistory: 0, found: 0, discrepancies: [] as Discrepancy<W>[] };
  const note = (discrepancies: readonly Discrepancy<W>[]): void => {
    report.found += discrepancies.length;
    report.discrepancies.push(...discrepancies.slice(0, MAX_REPORTED - report.discrepancies.length));
  };
  const total = orderId === undefined ? (sample ?? (await stateViews(log, db).estimatedDocumentCount())) : 1;

  const positionedBefore = ago(POSITIONED_WITHIN_MS);
  const compareDeps = { client, db, asksWorkflow: true, positionedBefore, maxPauseMs };

  async function compareWithOutside(id: string): Promise<Comparison<W>> {
    const comparison: Comparison<W> = await compareEntity(log, compareDeps, id);
    const isLogWhole = comparison.discrepancies.every(
      ({ where }) => where !== 'journal' && where !== 'history',
    );
    if (outside === undefined || comparison.events === 0 || !isLogWhole) return comparison;
    const found = await outside.compare(db, id);
    return { ...comparison, discrepancies: [...comparison.discrepancies, ...found] };
  }

  async function verifyAll(orderIds: AsyncIterable<string> | Iterable<string>): Promise<void> {
    for await (const batch of batches(orderIds, CONCURRENCY)) {
      for (const one of await Promise.all(batch.map(compareWithOutside))) {
        report.orders += 1;
        report.events += one.events;
        if (!one.hasHistory) report.withoutHistory += 1;
        note(one.discrepancies);
      }
      onProgress?.({ what: entities, done: report.orders, total: Math.max(total, report.orders) });
    }
  }

  if (orderId !== undefined) {
    await verifyAll([orderId]);
    return report;
  }
  if (sample !== undefined) {
    await verifyAll(sampled(log, db, sample));
  } else {
    await verifyAll(journaledIds(log, db));
    await verifyAll(each(notJournaled(log, db, viewedIds(log, db))));
    await verifyAll(each(notJournaled(log, db, listedIds(log, client, taskQueue))));
    for await (const discrepancy of outside?.compareUnknown(db, client) ?? []) note([discrepancy]);
  }
  const onSums = (what: string, done: number) => onProgress?.({ what, done });
  for await (const discrepancy of outside?.compareSums(db, onSums) ?? []) note([discrepancy]);
  const head = await feedHead(log, db);
  for await (const discrepancy of wrongPositions(log, db, head, onProgress)) note([discrepancy]);
  return { ...report, head };
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

async function* each(groups: AsyncIterable<readonly string[]>): AsyncGenerator<string, void> {
  for await (const orderIds of groups) yield* orderIds;
}

/** Finds gaps and duplicates up to the head, and positions after it. */
async function* wrongPositions(
  log: AnyLog,
  db: Db,
  head: number,
  onProgress: VerifyOptions['onProgress'],
): AsyncGenerator<Discrepancy, void> {
  let last = 0;
  const positioned = journal(log, db)
    .find({ position: { $gt: 0, $lte: head } }, committed)
    .project<{ orderId: string; version: number; position: number }>({
      _id: 0,
      orderId: 1,
      version: 1,
      position: 1,
    })
    .sort({ position: 1 });
  for await (const { orderId, version, position } of positioned) {
    if (position === last) yield { ...wrongPosition(log, `${position} is given twice`), orderId, version };
    else if (position !== last + 1) yield missingPositions(log, last + 1, position - 1);
    last = position;
    if (position % PROGRESS_EVERY === 0) onProgress?.({ what: 'positions', done: position, total: head });
  }
  if (last < head) yield missingPositions(log, last + 1, head);

  const beyond = journal(log, db).find({ position: { $gt: head } }, committed);
  for await (const { orderId, version, position = 0 } of beyond.sort({ position: -1 }).limit(1)) {
    // Positions may have been given since the head was read, so the head is read again.
    const headNow = await feedHead(log, db);
    if (position > headNow)
      yield { ...wrongPosition(log, `${position} is beyond the head, ${headNow}`), orderId, version };
  }
}

function missingPositions(log: AnyLog, from: number, to: number): Discrepancy {
  return wrongPosition(log, from === to ? `no event has ${from}` : `no event has ${from} to ${to}`);
}

function wrongPosition(log: AnyLog, detail: string): Discrepancy {
  const found = { where: 'positions', kind: 'differs' } as const;
  return { ...found, detail, remedy: remedyOf(log, found) };
}
