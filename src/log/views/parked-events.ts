import type { Db } from 'mongodb';
import { eventId } from '../event-id.js';
import type { PositionedEvent } from '../feed/feed.js';
import { messageOf } from '../../outages/message-of.js';

/**
 * A dead letter: an event that a view could not apply, or a later event of its entity, which waits
 * for it. It refers to the event, and has no copy of it.
 */
export interface ParkedEvent {
  /** `<collection>:<orderId>:<version>` */
  readonly _id: string;
  readonly view: string;
  /** the build of the view that lacks the event */
  readonly collection: string;
  readonly orderId: string;
  readonly version: number;
  readonly type: string;
  readonly position: number;
  readonly status: 'parked' | 'waiting';
  /** why the event failed; absent if it waits */
  readonly error?: string;
  /** ISO-8601 UTC */
  readonly at: string;
}

export function parkedEvents(db: Db) {
  return db.collection<ParkedEvent>('parked_events');
}

export async function ensureParkedEventIndexes(db: Db): Promise<void> {
  await parkedEvents(db).createIndexes([
    { key: { collection: 1, orderId: 1, version: 1 }, unique: true },
    { key: { collection: 1, position: 1 } },
  ]);
}

/**
 * The record of a parked event: with its error, or without one if it waits for an earlier event of
 * its entity.
 */
export function toParked(
  view: string,
  collection: string,
  { orderId, version, type, position }: Pick<PositionedEvent, 'orderId' | 'version' | 'type' | 'position'>,
  error?: unknown,
): ParkedEvent {
  const at = new Date().toISOString();
  const event = {
    _id: `${collection}:${eventId({ orderId, version })}`,
    view,
    collection,
    orderId,
    version,
    type,
    position,
    at,
  };
  return error === undefined
    ? { ...event, status: 'waiting' }
    : { ...event, status: 'parked', error: messageOf(error).slice(0, 2_000) };
}
