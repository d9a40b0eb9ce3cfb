import type { Db } from 'mongodb';
import type { EndpointSettings } from '../endpoint/settings.js';
import type { PositionedEvent } from '../log/feed/feed.js';
import type { QueryTime } from '../mongodb/durability.js';
import { isServerError } from '../outages/server-error.js';
import { type EventFilter, matching } from './event-filter.js';
import { foldOrder, type OrderAfter } from './order-after.js';

/** An event that a subscriber gets. */
export interface ChosenEvent {
  readonly event: PositionedEvent;
  /** the order after the event; only for the payload `order`, and absent if it cannot be read */
  readonly order?: object | undefined;
}

/**
 * The events that a filter lets through, with what their payload needs. Reads the log of an order
 * once.
 *
 * @param events a part of the feed, in which the events of an order are in sequence
 */
export async function chosenEvents(
  db: Db,
  selection: EventFilter & { readonly payload?: EndpointSettings['payload'] | undefined },
  events: readonly PositionedEvent[],
  time: QueryTime = {},
): Promise<readonly ChosenEvent[]> {
  const wanted = await matching(db, selection, events, time);
  if (selection.payload !== 'order') return wanted.map((event) => ({ event }));
  const lastOf = new Map(wanted.map(({ orderId, version }) => [orderId, version]));
  const orders = new Map<string, OrderAfter>();
  const chosen: ChosenEvent[] = [];
  for (const event of wanted) {
    const { orderId, version } = event;
    const orderAfter =
      orders.get(orderId) ?? foldOrder(db, orderId, { last: lastOf.get(orderId) ?? 0, ...time });
    orders.set(orderId, orderAfter);
    chosen.push({ event, order: await orderAfter(version).catch(unlessServerFails) });
  }
  return chosen;
}

/** An order that cannot be folded does not keep the other events from the subscriber. */
function unlessServerFails(error: unknown): undefined {
  if (isServerError(error)) throw error;
}
