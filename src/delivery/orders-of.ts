import type { Db } from 'mongodb';
import { fold } from '../log/journal/fold.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { committed } from '../mongodb/durability.js';
import { journal, readStored } from '../log/journal/journal.js';
import type { StoredEvent } from '../order/events.js';
import type { Order } from '../order/order.js';
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

/** An order after a version, in its public shape; persons are sealed. */
export type OrderAfter = (version: number) => Promise<object | undefined>;

/**
 * Folds an order forward, so that each event of its log is read once while the versions asked for
 * ascend.
 *
 * @param last the last version that will be asked for, if it is known: then the log is read at once
 */
export function foldOrder(db: Db, orderId: string, last = 0): OrderAfter {
  let order: Order | undefined;
  let ahead: readonly StoredEvent[] = [];
  return async (version) => {
    if (order !== undefined && version < order.version) [order, ahead] = [undefined, []];
    const known = ahead.at(-1)?.version ?? order?.version ?? 0;
    if (known < version) {
      const limit = Math.max(version, last) - known;
      ahead = [...ahead, ...(await readStored(orderLog, db, orderId, { from: known + 1, limit }))];
    }
    for (const stored of ahead.filter((event) => event.version <= version)) {
      order = fold(orderLog, [orderLog.entity.upcast(stored)], order);
      ahead = ahead.slice(1);
    }
    return order && orderLog.shape.of(order);
  };
}
