import type { Db } from 'mongodb';
import { orders } from '../../order/entity.js';
import type { StoredEvent } from '../entity.js';
import { committed, durable } from './durability.js';
import { journal, type JournalDocument } from './journal.js';

/**
 * An event that was recorded after a gap, before its order was resumed without it. No effect was
 * performed because of it.
 */
export type EventSetAside = Omit<JournalDocument, '_id'> & {
  /** ISO-8601 UTC */
  readonly setAsideAt: string;
};

export function eventsSetAside(db: Db, entity: string = orders.name) {
  return db.collection<EventSetAside>(`${entity}_events_set_aside`);
}

/** Moves events out of the journal, and keeps them for inspection. Idempotent. */
export async function setAside(
  db: Db,
  events: readonly StoredEvent[],
  entity: string = orders.name,
): Promise<void> {
  for (const { orderId, version, occurredAt, causationId, type } of events) {
    // Matches this event only: another one may have taken its version meanwhile.
    const filter = { _id: `${orderId}:${version}`, occurredAt, causationId, type };
    const found = await journal(db, entity).findOne(filter, committed);
    if (found === null) continue;
    const { _id, ...event } = found;
    await eventsSetAside(db, entity).updateOne(
      { orderId, version, occurredAt, causationId },
      { $setOnInsert: { ...event, setAsideAt: new Date().toISOString() } },
      { upsert: true, ...durable },
    );
    await journal(db, entity).deleteOne(filter, durable);
  }
}
