import type { Db } from 'mongodb';
import type { StoredEvent } from '../entity.js';
import { eventId } from '../event-id.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { journal, type JournalDocument } from './journal.js';

/**
 * An event that was recorded after a gap. Its entity was then resumed without it. None of the
 * effects that it made owed was performed.
 */
export type EventSetAside = Omit<JournalDocument, '_id'> & {
  /** ISO-8601 UTC */
  readonly setAsideAt: string;
};

export function eventsSetAside({ entity }: AnyLog, db: Db) {
  return db.collection<EventSetAside>(`${entity.name}_events_set_aside`);
}

/** Moves events out of the journal, and keeps them for inspection. Idempotent. */
export async function setAside(log: AnyLog, db: Db, events: readonly StoredEvent[]): Promise<void> {
  for (const { orderId, version, occurredAt, causationId, type } of events) {
    // Matches this event only: another event may have taken its version meanwhile.
    const filter = { _id: eventId({ orderId, version }), occurredAt, causationId, type };
    const found = await journal(log, db).findOne(filter, committed);
    if (found === null) continue;
    const { _id, ...event } = found;
    await eventsSetAside(log, db).updateOne(
      { orderId, version, occurredAt, causationId },
      { $setOnInsert: { ...event, setAsideAt: new Date().toISOString() } },
      { upsert: true, ...durable },
    );
    await journal(log, db).deleteOne(filter, durable);
  }
}
