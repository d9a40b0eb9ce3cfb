import type { Db } from 'mongodb';
import { feedState } from '../../../src/log/feed/generations.js';
import { type JournalDocument, journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';

const ORDERS = 997;
const BATCH = 5_000;

/** Adds events with these positions to the feed, without the other events of their orders. */
export async function fillFeed(db: Db, from: number, to: number): Promise<void> {
  for (let first = from; first <= to; first += BATCH) {
    const count = Math.min(BATCH, to - first + 1);
    const events = Array.from({ length: count }, (_, index) => eventAt(first + index));
    await journal(orderLog, db).insertMany(events, { writeConcern: { w: 'majority' } });
  }
  const $set = { position: to, epoch: 1 };
  await feedState(db).updateOne({ _id: orderLog.feedId }, { $set }, { upsert: true });
}

function eventAt(position: number): JournalDocument {
  const orderId = `o-${position % ORDERS}`;
  const version = Math.floor(position / ORDERS) + 1;
  const now = new Date().toISOString();
  return {
    _id: `${orderId}:${version}`,
    orderId,
    version,
    type: 'NoteAdded',
    schemaVersion: 1,
    data: { text: `note ${position}` },
    occurredAt: now,
    commandId: `test ${position}`,
    correlationId: 'test',
    causationId: 'test',
    actor: 'test',
    recordedAt: now,
    position,
  };
}
