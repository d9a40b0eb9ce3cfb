import { type Static, Type } from 'typebox';
import { Instant, Order } from './order.js';
import { closed } from './values.js';

const Count = Type.Integer({ minimum: 0 });

/** The numbers of orders. */
export const OrderCounts = closed({
  data: Type.Array(closed({ status: Order.properties.status, count: Count })),
  held: Count,
  countedAt: Instant,
});
export type OrderCounts = Static<typeof OrderCounts>;
