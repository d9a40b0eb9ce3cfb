import { committed } from '../mongodb/durability.js';
import type { Databases } from '../databases.js';
import { foldHistory, readHistoryLog } from '../log/history/history.js';
import { listWorkflows } from '../log/history/workflow-list.js';
import { customerAttribute } from '../order/listing.js';
import { mayForget } from '../order/forget.js';
import type { Order } from '../order/order.js';
import { orderLog } from '../order-log.js';
import { orders } from '../views/orders.js';
import type { OpenOrders } from './messages.js';
import { needsForgetting } from './needs-forgetting.js';

/**
 * The orders of a customer: first those in the view `orders`, then those that only Temporal has.
 */
export async function* ordersOf(
  { client, db, taskQueue }: Databases,
  customerId: string,
): AsyncGenerator<Order, void> {
  const viewed = orders(db).find(
    { 'customer.id': customerId },
    { ...committed, projection: { _id: 0, state: 1 } },
  );
  for await (const { state } of viewed) yield state;
  const filter = `${customerAttribute} = ${JSON.stringify(customerId)}`;
  for await (const { listed } of listWorkflows(orderLog, client, taskQueue, { filter })) {
    const orderIds = listed.map(({ orderId }) => orderId);
    const known = new Set(await orders(db).distinct('_id', { _id: { $in: orderIds } }, committed));
    for (const orderId of orderIds.filter((id) => !known.has(id))) {
      const log = await readHistoryLog(orderLog, client, orderId);
      // There is no order if the command that started the workflow was refused.
      const order = log && foldHistory(orderLog, log);
      if (order !== undefined) yield order;
    }
  }
}

const MAX_NAMED = 100;

/**
 * The customer's orders that are not finished.
 *
 * @param keys see `ForgettingActivities.findOpenOrders`
 */
export async function openOrders(
  databases: Databases,
  customerId: string,
  keys?: readonly string[],
  heartbeat: () => void = () => undefined,
): Promise<OpenOrders> {
  let count = 0;
  const orderIds: string[] = [];
  for await (const order of ordersOf(databases, customerId)) {
    heartbeat();
    if (mayForget(order) || (keys !== undefined && !(await needsForgetting(databases.db, order, keys))))
      continue;
    count += 1;
    if (orderIds.length < MAX_NAMED) orderIds.push(order.orderId);
  }
  return { count, orderIds };
}
