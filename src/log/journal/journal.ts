import type { Db } from 'mongodb';
import type { Draft, Envelope, StoredEvent } from '../entity.js';
import type { AnyLog } from '../entity-log/entity-log.js';

/** What the journal adds to an event. */
export interface Recorded {
  /** ISO-8601 UTC, the clock of the process that recorded it */
  readonly recordedAt: string;
  /** position in the feed; set some time after the event was recorded */
  readonly position?: number;
}

/** An event read from the journal, upcast to the current schema version. */
export type RecordedEvent<D extends Draft> = D & Envelope & Recorded;

/**
 * An event read from the journal as it was written, for readers that must not fail on an event that
 * cannot be upcast.
 */
export type StoredRecordedEvent = StoredEvent & Recorded;

/** An event as it is stored: in the schema version it was written in. */
export type JournalDocument = StoredRecordedEvent & {
  readonly _id: string;
  /** present until the event has a position */
  readonly unsequenced?: true;
  /** the log begins here, because earlier events are lost everywhere (`truncated-log.ts`) */
  readonly begins?: true;
};

/** The journal lacks earlier events of the entity; they will be recorded, or restored. */
export class LogIncomplete extends Error {
  override readonly name = 'LogIncomplete';
}

/** A projection that reduces a `JournalDocument` to a `StoredRecordedEvent`. */
export const onlyEvent = { _id: 0, unsequenced: 0, begins: 0 } as const;

/** The same as the projection `onlyEvent`, for a document in memory. */
export function eventOf(document: JournalDocument): StoredRecordedEvent {
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
