import { isDeepStrictEqual } from 'node:util';
import type { ClientSession, Db, Filter } from 'mongodb';
import { type Draft, type Envelope, eventId, type State, type StoredEvent } from '../entity.js';
import { batches } from '../../concurrency/async-iterables.js';
import { asStored, committed, durable, isDuplicateKey, type QueryTime } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from './entity-log.js';
import { forkFailure, noteFork, supersededFailure } from './fork.js';

/** What the journal adds to an event. */
export interface Recorded {
  /** ISO-8601 UTC, the recorder's clock */
  readonly recordedAt: string;
  /** place in the feed; set some time after the event was recorded */
  readonly position?: number;
}

/** An event read from the journal, upcast to the current schema version. */
export type RecordedEvent<D extends Draft> = D & Envelope & Recorded;

/**
 * An event read from the journal as it was written. For readers that must not fail on an event that
 * cannot be upcast.
 */
export type StoredRecord = StoredEvent & Recorded;

/** An event as it is stored: in the schema version it was written in. */
export type JournalDocument = StoredRecord & {
  readonly _id: string;
  /** present until the event has a position */
  readonly unsequenced?: true;
  /** the log begins here, because earlier events are lost everywhere (`truncated-log.ts`) */
  readonly begins?: true;
};

/** A projection that removes the journal's own fields from a `JournalDocument`. */
export const onlyEvent = { _id: 0, unsequenced: 0, begins: 0 } as const;

/** The same as the projection `onlyEvent`, for a document in memory. */
export function eventOf(document: JournalDocument): StoredRecord {
  const { _id: _, unsequenced: _unsequenced, begins: _begins, ...event } = document;
  return event;
}

/** The name of the journal's collection; persisted. */
export function journalName({ entity }: Pick<AnyLog, 'entity'>): string {
  return `${entity.name}_events`;
}

export function journal(log: Pick<AnyLog, 'entity'>, db: Db) {
  return db.collection<JournalDocument>(journalName(log));
}

interface Writing {
  readonly session?: ClientSession;
}

/** The type of the event that a run writes when it takes an entity over. */
export function resumptionType({ entity }: Pick<AnyLog, 'entity'>): string {
  return entity.resumption({ reason: '' }).type;
}

export async function ensureJournalIndexes(log: AnyLog, db: Db): Promise<void> {
  const type = resumptionType(log);
  await journal(log, db).createIndexes([
    { key: { orderId: 1, version: 1 }, unique: true },
    { key: { position: 1 }, unique: true, partialFilterExpression: { position: { $gt: 0 } } },
    { key: { recordedAt: 1 }, partialFilterExpression: { unsequenced: true } },
    { key: { orderId: 1, version: -1 }, partialFilterExpression: { type } },
  ]);
}

/**
 * Writes events of one entity, ascending, to the journal. Events that are there already are left
 * alone, so it is idempotent: any part of the log may be repeated, in any order and concurrently.
 * Nothing is written after an event that differs.
 *
 * @throws ApplicationFailure, not retryable, if the journal has a different event under the same
 *   version: of type `Superseded` if that event is a resumption, otherwise `EventFork`, which is also
 *   stored (`noteFork`)
 */
export async function appendToJournal(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  options: Writing = {},
): Promise<void> {
  let missing = events;
  while (missing.length > 0 && !(await insertIntoJournal(log, db, missing, options))) {
    missing = await withoutRecorded(log, db, missing, options);
  }
}

/** Inserts events in this sequence until one exists already. True if all were inserted. */
export async function insertIntoJournal(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  options: Writing = {},
): Promise<boolean> {
  const recordedAt = new Date().toISOString();
  const documents = events.map((event) => ({
    ...event,
    _id: eventId(event),
    recordedAt,
    unsequenced: true as const,
  }));
  try {
    await journal(log, db).insertMany(documents, { ...options, ...durable, ordered: true });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** Ids of the entities in the journal. Uses only the index: one seek per entity. */
export async function* journaledIds(log: AnyLog, db: Db): AsyncGenerator<string, void> {
  const found = journal(log, db).aggregate<{ _id: string }>(
    [{ $sort: { orderId: 1, version: 1 } }, { $group: { _id: '$orderId', first: { $first: '$version' } } }],
    committed,
  );
  for await (const { _id: orderId } of found) yield orderId;
}

/** Which of these have events in the journal. */
export async function journaled(
  log: AnyLog,
  db: Db,
  orderIds: readonly string[],
): Promise<ReadonlySet<string>> {
  return new Set(await journal(log, db).distinct('orderId', { orderId: { $in: [...orderIds] } }, committed));
}

const lookupBatchSize = 500;

/** The ids among these that have no event in the journal, in batches; a batch may be empty. */
export async function* notJournaled(
  log: AnyLog,
  db: Db,
  orderIds: AsyncIterable<string>,
): AsyncGenerator<readonly string[], void> {
  for await (const batch of batches(orderIds, lookupBatchSize)) {
    const known = await journaled(log, db, batch);
    yield batch.filter((orderId) => !known.has(orderId));
  }
}

/**
 * Refuses events of a run that another run has replaced, even if the journal has nothing under their
 * versions yet.
 *
 * @param resumption version of the last resumption in the run's log; 0 if it has none
 * @throws ApplicationFailure of type `Superseded`, which is not retried
 */
export async function refuseReplacedRun(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  resumption: number,
  options: Writing = {},
): Promise<void> {
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined || first.version === 1) return;
  const resumed = await lastResumption(log, db, first.orderId, options);
  if (resumed !== undefined && resumed.version > resumption && last.version > resumed.version)
    throw supersededFailure(log, resumed);
}

async function lastResumption(
  log: AnyLog,
  db: Db,
  orderId: string,
  options: Writing,
): Promise<StoredEvent | undefined> {
  const type = resumptionType(log);
  const found = await journal(log, db)
    .find({ orderId, type }, { ...options, ...committed })
    .project<StoredRecord>(onlyEvent)
    .sort({ version: -1 })
    .limit(1)
    .toArray();
  return found[0];
}

/**
 * The events that the journal lacks, after checking that the others are the same.
 *
 * @throws ApplicationFailure as `appendToJournal` does
 */
async function withoutRecorded(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  options: Writing,
): Promise<readonly StoredEvent[]> {
  const resumed = resumptionType(log);
  const ids = events.map(eventId);
  const found = await journal(log, db)
    .find({ _id: { $in: ids } }, { ...options, ...committed })
    .toArray();
  const recorded = new Map(found.map((event) => [event.version, event]));
  if (recorded.size === 0) throw new Error(`The journal of ${ids[0]} cannot be read yet.`);
  for (const event of events) {
    const known = recorded.get(event.version);
    if (known === undefined || isSameEvent(log, known, event)) continue;
    if (known.type === resumed) throw supersededFailure(log, known);
    await noteFork(log, db, known, event);
    throw forkFailure(log, known, event);
  }
  return events.filter((event) => !recorded.has(event.version));
}

/**
 * True if two events have the same content. Ignored are the order of keys, the journal's own
 * fields, the schema version, and the trace: a worker that replays an older worker's decision makes
 * the event in its own schema version, and with a trace that the older one did not know.
 */
export function isSameEvent(
  { entity }: Pick<AnyLog, 'entity'>,
  one: StoredEvent,
  other: StoredEvent,
): boolean {
  return isDeepStrictEqual(content(entity, one), content(entity, other));
}

function content(entity: AnyLog['entity'], stored: StoredEvent): unknown {
  const { orderId, version, type, schemaVersion, data, ...event } = entity.upcast(stored);
  const { occurredAt, commandId, correlationId, causationId, actor, onBehalfOf } = event;
  const envelope = {
    orderId,
    version,
    type,
    schemaVersion,
    occurredAt,
    commandId,
    correlationId,
    causationId,
    actor,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
  };
  return asStored({ ...envelope, data });
}

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
  return (await readStored(log, db, orderId, range)).map((event) => upcastRecord(log, event));
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
export async function readStored(
  log: AnyLog,
  db: Db,
  orderId: string,
  { from = 1, limit = 0, ...options }: Range = {},
): Promise<StoredRecord[]> {
  return await journal(log, db)
    .find({ orderId, version: { $gte: from } }, { ...options, ...committed })
    .project<StoredRecord>(onlyEvent)
    .sort({ version: 1 })
    .limit(limit)
    .toArray();
}

/** Streams all recorded events that match, as they were written, by entity and version. */
export async function* readJournals(
  log: AnyLog,
  db: Db,
  filter: Filter<JournalDocument>,
  options: Writing = {},
): AsyncGenerator<StoredRecord, void> {
  yield* journal(log, db)
    .find(filter, { ...options, ...committed })
    .project<StoredRecord>(onlyEvent)
    .sort({ orderId: 1, version: 1 });
}

/** `readJournals` for several entities, for each only the versions below the one given for it. */
export async function* readJournalsBefore(
  log: AnyLog,
  db: Db,
  below: ReadonlyMap<string, number>,
): AsyncGenerator<StoredRecord, void> {
  if (below.size === 0) return;
  const filter = { orderId: { $in: [...below.keys()] }, version: { $lt: Math.max(...below.values()) } };
  for await (const event of readJournals(log, db, filter)) {
    if (event.version < (below.get(event.orderId) ?? 0)) yield event;
  }
}
