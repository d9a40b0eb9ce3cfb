import type { Db } from 'mongodb';
import { eventId } from '../log/event-id.js';
import type { PositionedEvent } from '../log/feed/feed.js';
import { journal } from '../log/journal/journal.js';
import { committed, type QueryTime } from '../mongodb/durability.js';
import type { StoredEvent } from '../order/events.js';
import type { Payload, Selection } from '../selection.js';
import { upcastIfKnown } from '../order/upcasters.js';
import { orderLog } from '../order-log.js';
import { isServerError } from '../outages/server-error.js';
import { foldOrder, type OrderAfter } from './order-after.js';

/** Which events a subscriber gets, whatever their payload is. */
export type EventFilter = Omit<Selection, 'payload'>;

/** An event that a subscriber gets. */
export interface ChosenEvent {
  readonly event: PositionedEvent;
  /** the order after the event; only for the payload `order`, and absent if it cannot be read */
  readonly order?: object | undefined;
}

/**
 * The events that a filter lets through; for the payload `order`, each with the order after it. The
 * log of each order is read once.
 *
 * @param events a part of the feed, in which the events of an order are in sequence
 */
export async function chosenEvents(
  db: Db,
  selection: EventFilter & { readonly payload?: Payload | undefined },
  events: readonly PositionedEvent[],
  time: QueryTime = {},
): Promise<readonly ChosenEvent[]> {
  const wanted = await matchingEvents(db, selection, events, time);
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

/**
 * Throws if a server fails. Ignores other errors: the subscriber gets an event even if its order
 * cannot be folded.
 */
function unlessServerFails(error: unknown): undefined {
  if (isServerError(error)) throw error;
}

/** The events that the filter lets through. */
export async function matchingEvents<E extends StoredEvent>(
  db: Db,
  filter: EventFilter,
  events: readonly E[],
  time: QueryTime = {},
): Promise<readonly E[]> {
  const { eventTypes } = filter;
  const ofType = events.filter(({ type }) => eventTypes.length === 0 || eventTypes.includes(type));
  const orderIds = new Set(ofType.map(({ orderId }) => orderId));
  if (orderIds.size === 0) return [];
  const chosen = await ordersFor(db, filter, orderIds, time);
  return ofType.filter(({ orderId }) => chosen.has(orderId));
}

/**
 * The ids of the given orders that belong to one of the customers and have one of the tags. An
 * empty list of customers or tags matches every order.
 */
async function ordersFor(
  db: Db,
  { customers, tags }: EventFilter,
  orderIds: ReadonlySet<string>,
  time: QueryTime,
): Promise<ReadonlySet<string>> {
  if (customers.length === 0 && tags.length === 0) return orderIds;
  const first = await journal(orderLog, db)
    .find(
      { _id: { $in: [...orderIds].map((orderId) => eventId({ orderId, version: 1 })) } },
      { ...committed, ...time },
    )
    .toArray();
  const chosen = first.flatMap((stored) => {
    const event = upcastIfKnown(stored);
    if (event.type !== 'OrderCreated') return [];
    const { customer, tags: has = [] } = event.data as { customer: { id: string }; tags?: readonly string[] };
    const isOne = customers.length === 0 || customers.includes(customer.id);
    return isOne && (tags.length === 0 || tags.some((tag) => has.includes(tag))) ? [event.orderId] : [];
  });
  return new Set(chosen);
}
