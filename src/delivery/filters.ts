import type { Db } from 'mongodb';
import type { Endpoint } from '../endpoint/endpoint.js';
import { committed } from '../mongodb/durability.js';
import { journal } from '../log/journal/journal.js';
import { upcastIfKnown } from '../order/upcasters.js';
import { orderLog } from '../order-log.js';

/** The ids of the orders, among these, whose events the endpoint gets. */
export async function ordersFor(
  db: Db,
  { customers, tags }: Pick<Endpoint, 'customers' | 'tags'>,
  orderIds: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  if (customers.length === 0 && tags.length === 0) return orderIds;
  const first = await journal(orderLog, db)
    .find({ _id: { $in: [...orderIds].map((id) => `${id}:1`) } }, committed)
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
