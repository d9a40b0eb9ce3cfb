import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { OrderStatus } from '../../order/order.js';
import { orders } from '../../views/orders.js';

export const COUNTED_WITHIN_MS = 2_000;

/** The number of orders by status. Reads only the index of statuses. */
export async function countByStatus(db: Db) {
  return await orders(db)
    .aggregate<{ status: OrderStatus; count: number }>(
      [
        { $group: { _id: '$status', count: { $sum: 1 } } },
        { $sort: { _id: 1 } },
        { $project: { _id: 0, status: '$_id', count: 1 } },
      ],
      { ...committed, hint: { status: 1, createdAt: 1, _id: 1 }, maxTimeMS: COUNTED_WITHIN_MS },
    )
    .toArray();
}
