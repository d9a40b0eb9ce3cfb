import type { Order } from '../../../order/order.js';
import { NewerEvent, upcast } from '../../../order/upcasters.js';
import type { PositionedEvent } from '../../feed/feed.js';
import { Changes } from '../increments.js';
import { LostPast, next } from './order-states.js';
import { type ParkedEvent, toParked } from './parked-events.js';
import type { View } from '../view.js';

/** What a batch of events comes to in a view. */
export interface FoldedBatch {
  readonly changes: Changes;
  readonly parked: readonly ParkedEvent[];
  /** the orders after the batch */
  readonly states: ReadonlyMap<string, Order>;
}

/**
 * Folds a batch into changes. An event that fails is set aside, and so are later ones of its order; all others go on. Events of
 * an order whose past is lost are passed over.
 *
 * @param orders as before the batch (`OrderStates`)
 * @param blocked ids of orders that have an event set aside already
 * @throws NewerEvent
 */
export function foldBatch(
  view: View,
  collection: string,
  events: readonly PositionedEvent[],
  orders: ReadonlyMap<string, Order | Error | undefined>,
  blocked: ReadonlySet<string>,
): FoldedBatch {
  const changes = new Changes();
  const parked: ParkedEvent[] = [];
  const states = new Map<string, Order>();
  const waiting = new Set(blocked);
  for (const event of events) {
    const { orderId } = event;
    if (waiting.has(orderId)) {
      parked.push(toParked(view.name, collection, event));
      continue;
    }
    try {
      const before = orThrow(states.get(orderId) ?? orders.get(orderId));
      const after = orThrow(next(before, event));
      for (const change of view.fold(upcast(event), before, after)) changes.merge(change);
      states.set(orderId, after);
    } catch (error) {
      if (error instanceof NewerEvent) throw error;
      if (error instanceof LostPast) continue;
      parked.push(toParked(view.name, collection, event, error));
      waiting.add(orderId);
      states.delete(orderId);
    }
  }
  return { changes, parked, states };
}

function orThrow<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}
