import type { Db } from 'mongodb';
import type { StoredEvent } from '../domain/events.js';
import { appendToJournal } from '../event-log/journal.js';
import { extendView, projectOrder } from '../projections/orders.js';
import type { RecentOrders } from '../projections/recent-orders.js';

/**
 * Records events of one order, ascending: in the journal, then in the view. Repeated, overtaken or run twice at once, it
 * comes to the same. When it resolves, the events are in the journal, and in the view too as far as no earlier one is missing.
 *
 * @param recent orders as this process recorded them last: where the events follow, the view need not be read
 * @throws ApplicationFailure of type `EventFork` (see `appendToJournal`)
 */
export async function record(db: Db, events: readonly StoredEvent[], recent?: RecentOrders): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  const { orderId } = first;
  // One causally consistent session: the view's read sees the journal's write even where another node became primary between.
  await db.client.withSession({ causalConsistency: true }, async (session) => {
    await appendToJournal(db, events, { session });
    const known = recent?.get(orderId);
    const order =
      (known && (await extendView(db, known, events, { session }))) ??
      (await projectOrder(db, orderId, { session }));
    if (order !== undefined) recent?.keep(order);
  });
}
