import { type Static, Type } from 'typebox';
import { deadlines } from '../../order/deadlines.js';
import type { Order } from '../../order/order.js';
import { Instant } from './order.js';
import { closed } from './values.js';

/** A time at which an order changes without a command. */
export const UpcomingDeadline = closed({ what: Type.String(), at: Instant });
export type UpcomingDeadline = Static<typeof UpcomingDeadline>;

/** The deadlines of an order, the earliest first. */
export function deadlinesOf(order: Order): UpcomingDeadline[] {
  return deadlines(order).map(({ name, at }) => ({ what: name, at }));
}
