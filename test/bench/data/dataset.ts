import type { Db } from 'mongodb';
import { feedState } from '../../../src/log/feed/generations.js';
import { ensureJournalIndexes, type JournalDocument, journal } from '../../../src/log/journal/journal.js';
import { ensureStateViewIndexes } from '../../../src/log/entity-log/state-view.js';
import { rebuildFeedView } from '../../../src/log/rebuilding/rebuild-feed-view.js';
import { noteFirstVersion } from '../../../src/log/rebuilding/store-rebuild.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { type OrderDocument, orders, ORDERS_VERSION, toDocument } from '../../../src/views/orders.js';
import { views } from '../../../src/views/views.js';
import { create, deliver, dispatch, hold, release, ship, Story } from './story.js';

/** Orders that were in the database before anything was measured. */
export interface Dataset {
  readonly orderIds: readonly string[];
  /** the number of completed orders */
  readonly completed: number;
  /** events in the journal, at positions 1, 2, 3 … */
  readonly events: number;
}

const BATCH_SIZE = 500;
const firstOrderAt = Date.UTC(2026, 0, 1);
const ORDER_EVERY_MS = 60_000;

/**
 * Fills an empty database. Of five orders, four are completed after two holds (14 events), and one
 * is confirmed and open (4 events). The product's own functions make journal and views.
 */
export async function fill(db: Db, count: number, note: (text: string) => void): Promise<Dataset> {
  const orderIds: string[] = [];
  let [events, completed] = [0, 0];
  for (let from = 0; from < count; from += BATCH_SIZE) {
    const documents: OrderDocument[] = [];
    const records: JournalDocument[] = [];
    for (let n = from; n < Math.min(from + BATCH_SIZE, count); n += 1) {
      const story = storyOf(n);
      if (story.order.status === 'completed') completed += 1;
      orderIds.push(story.orderId);
      documents.push(toDocument(story.order));
      for (const event of story.events) records.push(recorded(event, (events += 1)));
    }
    await Promise.all([
      orders(db).insertMany(documents, { ordered: false, writeConcern: { w: 1 } }),
      journal(orderLog, db).insertMany(records, { ordered: false, writeConcern: { w: 1 } }),
    ]);
    if ((from + BATCH_SIZE) % 10_000 === 0) note(`${from + documents.length} of ${count} orders`);
  }
  await feedState(db).insertOne({ _id: 'feed', epoch: 0, position: events });
  await noteFirstVersion(db, 'orders', ORDERS_VERSION);
  note('indexes');
  await Promise.all([ensureStateViewIndexes(orderLog, db), ensureJournalIndexes(orderLog, db)]);
  for (const view of views) {
    note(view.name);
    const { signal } = new AbortController();
    await rebuildFeedView(orderLog, view, { db, signal, rebuildId: 'bench', heartbeat: () => undefined });
  }
  return { orderIds, completed, events };
}

function storyOf(n: number): Story {
  const story = new Story(`bench-${String(n).padStart(8, '0')}`, firstOrderAt + n * ORDER_EVERY_MS);
  story.tellAll(create(n));
  if (n % 5 === 0) return story;
  for (const command of [hold, release, hold, release, ship, dispatch, deliver]) story.tellAll(command);
  return story;
}

function recorded(event: OrderEvent, position: number): JournalDocument {
  return { ...event, _id: `${event.orderId}:${event.version}`, recordedAt: event.occurredAt, position };
}
