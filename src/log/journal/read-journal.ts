import type { ClientSession, Db, Filter } from 'mongodb';
import type { Draft, Envelope, State, StoredEvent } from '../entity.js';
import { batches } from '../../concurrency/async-iterables.js';
import { committed, type QueryTime } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import {
  journal,
  type JournalDocument,
  onlyEvent,
  type RecordedEvent,
  type StoredRecordedEvent,
} from './journal.js';

interface Range extends QueryTime {
  readonly from?: number;
  readonly limit?: number;
  readonly session?: ClientSession;
}

/**
 * Recorded events of an entity, ascending, from version `from` (by default 1), at most `limit` (by
 * default all).
 *
 * @throws TypeError if one of them cannot be upcast
 */
export async function readJournal<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  orderId: string,
  range: Range = {},
): Promise<RecordedEvent<D>[]> {
  return (await readStoredEvents(log, db, orderId, range)).map((event) => upcastRecord(log, event));
}

/** `upcast` for an event with fields that its store has added. */
export function upcastRecord<S extends State, D extends Draft, E extends StoredEvent>(
  { entity }: EntityLog<S, D>,
  stored: E,
): D & Envelope & Omit<E, keyof StoredEvent> {
  // `upcast` keeps fields that it does not know.
  return entity.upcast(stored) as D & Envelope & Omit<E, keyof StoredEvent>;
}

/** `readJournal` without upcasting. */
export async function readStoredEvents(
  log: AnyLog,
  db: Db,
  orderId: string,
  { from = 1, limit = 0, ...options }: Range = {},
): Promise<StoredRecordedEvent[]> {
  return await journal(log, db)
    .find({ orderId, version: { $gte: from } }, { ...options, ...committed })
    .project<StoredRecordedEvent>(onlyEvent)
    .sort({ version: 1 })
    .limit(limit)
    .toArray();
}

/** Streams all recorded events that match, sorted by entity and version, as they were written. */
export async function* streamStoredEvents(
  log: AnyLog,
  db: Db,
  filter: Filter<JournalDocument>,
  options: Pick<Range, 'session'> = {},
): AsyncGenerator<StoredRecordedEvent, void> {
  yield* journal(log, db)
    .find(filter, { ...options, ...committed })
    .project<StoredRecordedEvent>(onlyEvent)
    .sort({ orderId: 1, version: 1 });
}

/** `streamStoredEvents`, with the events of each entity together. */
export async function* streamStoredLogs(
  log: AnyLog,
  db: Db,
  filter: Filter<JournalDocument>,
  options: Pick<Range, 'session'> = {},
): AsyncGenerator<readonly [orderId: string, events: readonly StoredRecordedEvent[]], void> {
  let events: StoredRecordedEvent[] = [];
  for await (const event of streamStoredEvents(log, db, filter, options)) {
    const orderId = events[0]?.orderId;
    if (orderId !== undefined && orderId !== event.orderId) {
      yield [orderId, events];
      events = [];
    }
    events.push(event);
  }
  const [last] = events;
  if (last !== undefined) yield [last.orderId, events];
}

/** Ids of the entities in the journal. Uses only the index: one seek per entity. */
export async function* journaledIds(log: AnyLog, db: Db): AsyncGenerator<string, void> {
  const found = journal(log, db).aggregate<{ _id: string }>(
    [{ $sort: { orderId: 1, version: 1 } }, { $group: { _id: '$orderId', first: { $first: '$version' } } }],
    committed,
  );
  for await (const { _id: orderId } of found) yield orderId;
}

/** Which of these entities have events in the journal. */
export async function journaled(
  log: AnyLog,
  db: Db,
  orderIds: readonly string[],
): Promise<ReadonlySet<string>> {
  return new Set(await journal(log, db).distinct('orderId', { orderId: { $in: [...orderIds] } }, committed));
}

const LOOKUP_BATCH_SIZE = 500;

/** The ids among these that have no event in the journal, in batches; a batch may be empty. */
export async function* notJournaled(
  log: AnyLog,
  db: Db,
  orderIds: AsyncIterable<string>,
): AsyncGenerator<readonly string[], void> {
  for await (const batch of batches(orderIds, LOOKUP_BATCH_SIZE)) {
    const known = await journaled(log, db, batch);
    yield batch.filter((orderId) => !known.has(orderId));
  }
}
