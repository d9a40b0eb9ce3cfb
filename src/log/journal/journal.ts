import { isDeepStrictEqual } from 'node:util';
import type { ClientSession, Db, Filter } from 'mongodb';
import type { OrderEvent, StoredEvent } from '../../order/events.js';
import { orders } from '../../order/entity.js';
import { upcast } from '../../order/upcasters.js';
import type { Draft, Entity } from '../entity.js';
import { batches } from './chunks.js';
import { asStored, committed, durable, isDuplicateKey, type QueryTime } from './durability.js';
import { forkFailure, noteFork, supersededFailure } from './fork.js';

/** What the journal adds to an event. */
export interface Recorded {
  /** ISO-8601 UTC, the recorder's clock */
  readonly recordedAt: string;
  /** place in the one order of all events of all orders; stamped after the event was recorded */
  readonly position?: number;
}

/** An event as it is read from the journal: upcast, whenever it was written. */
export type RecordedEvent = OrderEvent & Recorded;

/** An event as it is read from the journal where one that cannot be upcast is not to keep anybody from the others. */
export type StoredRecord = StoredEvent & Recorded;

/** An event as it lies in the journal: of the version it was written in. */
export type JournalDocument = StoredRecord & {
  readonly _id: string;
  /** true until it has a position, then absent */
  readonly unsequenced?: true;
  /** the order's log begins with it: nobody has the events before it any more (see `restoreLog`) */
  readonly begins?: true;
};

/** A projection that leaves the event of a `JournalDocument`. */
export const onlyEvent = { _id: 0, unsequenced: 0, begins: 0 } as const;

/** What `onlyEvent` leaves. */
export function eventOf(document: JournalDocument): StoredRecord {
  const { _id: _, unsequenced: _unsequenced, begins: _begins, ...event } = document;
  return event;
}

/** What a journal needs to know of the entities in it. */
export type Journaled = Pick<Entity<never, Draft, never>, 'name' | 'upcast' | 'resumption'>;

/** The journal of all entities of a name: `order_events` is that of the orders. */
export function journal(db: Db, name: string = orders.name) {
  return db.collection<JournalDocument>(`${name}_events`);
}

interface Writing {
  readonly session?: ClientSession;
  /** orders by default */
  readonly entity?: Journaled;
}

export async function ensureJournalIndexes(
  db: Db,
  { name }: Pick<Journaled, 'name'> = orders,
): Promise<void> {
  await journal(db, name).createIndexes([
    { key: { orderId: 1, version: 1 }, unique: true },
    { key: { position: 1 }, unique: true, partialFilterExpression: { position: { $gt: 0 } } },
    { key: { recordedAt: 1 }, partialFilterExpression: { unsequenced: true } },
    { key: { orderId: 1, version: -1 }, partialFilterExpression: { type: 'OrderResumed' } },
  ]);
}

/**
 * Writes events of one order, ascending, to the journal. Those it holds already are left as they are, so it may be repeated
 * with any part of the order's log, in any order, by several callers at once. Never writes behind an event that differs.
 *
 * @throws ApplicationFailure, never to be retried, if the journal holds another event under the same version: of type
 *   `Superseded` if that is an `OrderResumed`, otherwise `EventFork`, which is noted in `order_forks` before
 */
export async function appendToJournal(
  db: Db,
  events: readonly StoredEvent[],
  options: Writing = {},
): Promise<void> {
  let missing = events;
  while (missing.length > 0 && !(await insertIntoJournal(db, missing, options))) {
    missing = await withoutRecorded(db, missing, options);
  }
}

/** Writes events to the journal in this sequence, up to the first that it holds already. True when there was none. */
export async function insertIntoJournal(
  db: Db,
  events: readonly StoredEvent[],
  { entity = orders, ...options }: Writing = {},
): Promise<boolean> {
  const recordedAt = new Date().toISOString();
  const documents = events.map((event) => ({
    ...event,
    _id: `${event.orderId}:${event.version}`,
    recordedAt,
    unsequenced: true as const,
  }));
  try {
    await journal(db, entity.name).insertMany(documents, { ...options, ...durable, ordered: true });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/**
 * Writes the log of an order, as far as its history has it, to the journal (see `appendToJournal`). Where it begins with a
 * later version than 1, and the journal lacks the one before, nobody has that any more: so the log begins there, and is marked.
 */
export async function restoreLog(db: Db, events: readonly StoredEvent[]): Promise<void> {
  await appendToJournal(db, events);
  const [first] = events;
  if (first === undefined || first.version === 1) return;
  const { orderId, version } = first;
  const before = await journal(db).findOne({ orderId, version: version - 1 }, committed);
  if (before === null) await journal(db).updateOne({ orderId, version }, { $set: { begins: true } }, durable);
}

/** The orders that the journal has an event of. By the index alone: one look for each order. */
export async function* journaledOrders(db: Db): AsyncGenerator<string, void> {
  const found = journal(db).aggregate<{ _id: string }>(
    [{ $sort: { orderId: 1, version: 1 } }, { $group: { _id: '$orderId', first: { $first: '$version' } } }],
    committed,
  );
  for await (const { _id: orderId } of found) yield orderId;
}

/** Those of the orders that the journal has an event of. */
export async function journaled(db: Db, orderIds: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set(await journal(db).distinct('orderId', { orderId: { $in: [...orderIds] } }, committed));
}

const lookedUpAtOnce = 500;

/** Those of the orders that the journal has no event of: of each batch that is looked up, which may have none. */
export async function* notJournaled(
  db: Db,
  orderIds: AsyncIterable<string>,
): AsyncGenerator<readonly string[], void> {
  for await (const batch of batches(orderIds, lookedUpAtOnce)) {
    const known = await journaled(db, batch);
    yield batch.filter((orderId) => !known.has(orderId));
  }
}

/** With which version the logs of orders begin, where nobody has the events before it any more. */
export async function laterBeginnings(
  db: Db,
  orderIds: readonly string[],
  time: QueryTime = {},
): Promise<ReadonlyMap<string, number>> {
  if (orderIds.length === 0) return new Map();
  const found = await journal(db)
    .find({ orderId: { $in: [...orderIds] }, begins: true }, { ...committed, ...time })
    .sort({ version: -1 })
    .toArray();
  return new Map(found.map(({ orderId, version }) => [orderId, version]));
}

/** The last `OrderResumed` of an order. */
export async function lastResumption(
  db: Db,
  orderId: string,
  options: { readonly session?: ClientSession } = {},
): Promise<StoredEvent | undefined> {
  const found = await journal(db)
    .find({ orderId, type: 'OrderResumed' }, { ...options, ...committed })
    .project<StoredRecord>(onlyEvent)
    .sort({ version: -1 })
    .limit(1)
    .toArray();
  return found[0];
}

/**
 * Whether the journal holds all events of an order from where its log begins (see `restoreLog`) up to `version`, if that is
 * later than at version 1.
 */
export async function isHeldFromItsBeginning(db: Db, orderId: string, version: number): Promise<boolean> {
  const first = (await laterBeginnings(db, [orderId])).get(orderId);
  if (first === undefined || first > version) return false;
  const held = await journal(db).countDocuments(
    { orderId, version: { $gte: first, $lte: version } },
    committed,
  );
  return held === version - first + 1;
}

/** The events that the journal lacks, once those it holds have proved to be the same. */
async function withoutRecorded(
  db: Db,
  events: readonly StoredEvent[],
  { entity = orders, ...options }: Writing,
): Promise<readonly StoredEvent[]> {
  const resumed = entity.resumption({ reason: '' }).type;
  const ids = events.map((event) => `${event.orderId}:${event.version}`);
  const found = await journal(db, entity.name)
    .find({ _id: { $in: ids } }, { ...options, ...committed })
    .toArray();
  const recorded = new Map(found.map((event) => [event.version, event]));
  if (recorded.size === 0) throw new Error(`The journal of ${ids[0]} cannot be read yet.`);
  for (const event of events) {
    const known = recorded.get(event.version);
    if (known === undefined || isSameEvent(known, event, entity)) continue;
    if (known.type === resumed) throw supersededFailure(known);
    if (entity.name === orders.name) await noteFork(db, known, event);
    throw forkFailure(known, event);
  }
  return events.filter((event) => !recorded.has(event.version));
}

/**
 * The same content, whatever the order of its keys and what a store adds to an event. Whether it was written in this version or
 * an older one makes no difference either: a worker that replays what an older one decided decides it anew in its own version.
 */
export function isSameEvent(
  one: StoredEvent,
  other: StoredEvent,
  entity: Pick<Journaled, 'upcast'> = orders,
): boolean {
  return isDeepStrictEqual(content(one, entity), content(other, entity));
}

function content(stored: StoredEvent, entity: Pick<Journaled, 'upcast'>): unknown {
  const { orderId, version, type, schemaVersion, data, ...event } = entity.upcast(stored);
  const { occurredAt, commandId, correlationId, causationId, actor } = event;
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
  };
  return asStored({ ...envelope, data });
}

interface Range extends QueryTime {
  readonly from?: number;
  readonly limit?: number;
  readonly session?: ClientSession;
  /** its name; orders by default */
  readonly entity?: string;
}

/**
 * The recorded events of an order, ascending from version `from` (1), `limit` at most (all).
 *
 * @throws TypeError where one of them cannot be upcast
 */
export async function readJournal(db: Db, orderId: string, range: Range = {}): Promise<RecordedEvent[]> {
  return (await readStored(db, orderId, range)).map((event) => upcast(event));
}

/** `readJournal`, each event as it was written. */
export async function readStored(
  db: Db,
  orderId: string,
  { from = 1, limit = 0, entity, ...options }: Range = {},
): Promise<StoredRecord[]> {
  return await journal(db, entity)
    .find({ orderId, version: { $gte: from } }, { ...options, ...committed })
    .project<StoredRecord>(onlyEvent)
    .sort({ version: 1 })
    .limit(limit)
    .toArray();
}

/** The recorded events that match, whatever their number, as they were written: by order, each order's ascending. */
export async function* readJournals(
  db: Db,
  filter: Filter<JournalDocument>,
): AsyncGenerator<StoredRecord, void> {
  yield* journal(db)
    .find(filter, committed)
    .project<StoredRecord>(onlyEvent)
    .sort({ orderId: 1, version: 1 });
}

/** `readJournals` of several orders, below the version that `below` names for each. */
export async function* readJournalsBefore(
  db: Db,
  below: ReadonlyMap<string, number>,
): AsyncGenerator<StoredRecord, void> {
  if (below.size === 0) return;
  const filter = { orderId: { $in: [...below.keys()] }, version: { $lt: Math.max(...below.values()) } };
  for await (const event of readJournals(db, filter)) {
    if (event.version < (below.get(event.orderId) ?? 0)) yield event;
  }
}
