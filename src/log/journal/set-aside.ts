import type { Db } from 'mongodb';
import type { StoredEvent } from '../../order/events.js';
import { committed, durable } from './durability.js';
import { journal, type JournalDocument } from './journal.js';

/** An event that a run recorded ahead of its turn, before the order was resumed without it. Nothing was done on its account. */
export type EventSetAside = Omit<JournalDocument, '_id'> & {
  /** ISO-8601 UTC */
  readonly setAsideAt: string;
};

export function eventsSetAside(db: Db) {
  return db.collection<EventSetAside>('order_events_set_aside');
}

/** Takes events out of the journal, and keeps them for people to look at. May be repeated. */
export async function setAside(db: Db, events: readonly StoredEvent[]): Promise<void> {
  for (const { orderId, version, occurredAt, causationId, type } of events) {
    // No other event: by now, another may be in its place.
    const filter = { _id: `${orderId}:${version}`, occurredAt, causationId, type };
    const found = await journal(db).findOne(filter, committed);
    if (found === null) continue;
    const { _id, ...event } = found;
    await eventsSetAside(db).updateOne(
      { orderId, version, occurredAt, causationId },
      { $setOnInsert: { ...event, setAsideAt: new Date().toISOString() } },
      { upsert: true, ...durable },
    );
    await journal(db).deleteOne(filter, durable);
  }
}
