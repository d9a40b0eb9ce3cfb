import type { Db } from 'mongodb';
import type { StoredEvent } from '../domain/events.js';
import { appendToJournal } from '../event-log/journal.js';
import { projectOrder } from '../projections/orders.js';

/**
 * Records events of one order, ascending: in the journal, then in the view. Repeated, overtaken or run twice at once, it
 * comes to the same. When it resolves, the events are in the journal, and in the view too as far as no earlier one is missing.
 *
 * @throws ApplicationFailure of type `EventFork` (see `appendToJournal`)
 */
export async function record(db: Db, events: readonly StoredEvent[]): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  // One causally consistent session: the view's read sees the journal's write even where another node became primary between.
  await db.client.withSession({ causalConsistency: true }, async (session) => {
    await appendToJournal(db, events, { session });
    await projectOrder(db, first.orderId, { session });
  });
}
