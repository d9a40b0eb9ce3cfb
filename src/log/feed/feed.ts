import type { Db } from 'mongodb';
import { feedGenerations, feedState, Generations } from './generations.js';
import type { FeedPlace } from './place.js';
import { committed, type QueryTime } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { type StoredRecordedEvent, journal, onlyEvent } from '../journal/journal.js';

/** An event as it was written, with its position in the feed, the one sequence of all events. */
export type PositionedEvent = StoredRecordedEvent & { readonly position: number };

/**
 * The last position; 0 if there is none. All positions up to it are given, and readers see all of
 * them: nothing is ever added below it.
 */
export async function feedHead(log: AnyLog, db: Db, time: QueryTime = {}): Promise<number> {
  return (await feedEnd(log, db, time)).head;
}

/** The current generation, and its last position (`feedHead`). */
export async function feedEnd(
  log: AnyLog,
  db: Db,
  time: QueryTime = {},
): Promise<{ readonly generations: Generations; readonly head: number }> {
  const state = await feedState(db).findOne({ _id: log.feedId }, { ...committed, ...time });
  const head = await lastWithoutGap(log, db, state?.position ?? 0, time);
  return { generations: new Generations(state), head };
}

/** The last of the positions that follow `checkpoint` without a gap; `checkpoint` if none does. */
async function lastWithoutGap(log: AnyLog, db: Db, checkpoint: number, time: QueryTime): Promise<number> {
  const beyond = journal(log, db)
    .find({ position: { $gt: checkpoint } }, { ...committed, ...time })
    .project<{ position: number }>({ _id: 0, position: 1 })
    .sort({ position: 1 });
  let last = checkpoint;
  for await (const { position } of beyond) {
    if (position !== last + 1) break;
    last = position;
  }
  return last;
}

/**
 * Events with positions greater than `after`, ascending, at most `limit`. Positions have no gaps,
 * unless events were lost after they had positions. Nothing is ever added before the last event
 * returned. If there are fewer than `limit`, the feed ends with them.
 */
export async function readFeed(
  log: AnyLog,
  db: Db,
  after: number,
  limit: number,
  time: QueryTime = {},
): Promise<PositionedEvent[]> {
  const found = await readBetween(log, db, { $gt: after }, limit, time);
  if (found.every(({ position }, index) => position === after + index + 1)) return found;
  // All positions up to the head were given, so events that are missing up to there are lost.
  const head = await feedHead(log, db, time);
  return await readBetween(log, db, { $gt: after, $lte: head }, limit, time);
}

/**
 * The events after a place (`readFeed`), and the generation that is current after the read. If that
 * is not the generation of the place, `events` is undefined: what was read may belong to the new
 * generation.
 */
export async function readFeedInGeneration(
  log: AnyLog,
  db: Db,
  { generation, position }: FeedPlace,
  limit: number,
  time: QueryTime = {},
): Promise<{ readonly current: number; readonly events: PositionedEvent[] | undefined }> {
  const events = await readFeed(log, db, position, limit, time);
  const { current } = await feedGenerations(log, db, time);
  const isSame = current.generation === generation;
  return { current: current.generation, events: isSame ? events : undefined };
}

/**
 * Where a reader continues if there was no event after the position `after`: at the head if all
 * events between the two are lost, otherwise at `after`.
 */
export async function positionAfterLost(
  log: AnyLog,
  db: Db,
  after: number,
  time: QueryTime = {},
): Promise<number> {
  const head = await feedHead(log, db, time);
  if (head <= after) return after;
  const left = await journal(log, db).findOne(
    { position: { $gt: after, $lte: head } },
    { ...committed, ...time },
  );
  return left === null ? head : after;
}

async function readBetween(
  log: AnyLog,
  db: Db,
  position: { readonly $gt: number; readonly $lte?: number },
  limit: number,
  time: QueryTime,
): Promise<PositionedEvent[]> {
  return await journal(log, db)
    .find({ position }, { ...committed, ...time })
    .project<PositionedEvent>(onlyEvent)
    .sort({ position: 1 })
    .limit(limit)
    // Asks for all events in one answer. By default, the driver's first batch has 101 documents.
    .batchSize(limit + 1)
    .toArray();
}
