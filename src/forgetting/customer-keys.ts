import { keyIdIn } from '../sealing/seal.js';
import type { Databases } from '../databases.js';
import { personalTexts } from '../order/forget.js';
import { ordersOf } from './customer-orders.js';
import { keysInJournal } from './keys-in-journal.js';

/**
 * All keys under which values of a customer's orders are sealed, each with the ids of the orders
 * that have such a value: in the journal, or, if that has lost events, in the order's state. The
 * key store alone is not enough: it may not know yet that a key is the customer's, if it was
 * assigned during an outage.
 */
export async function keysOfCustomer(
  databases: Databases,
  customerId: string,
  heartbeat: () => void = () => undefined,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const orderIds = new Map<string, string[]>();
  for await (const order of ordersOf(databases, customerId)) {
    heartbeat();
    const { orderId } = order;
    const inState = personalTexts(order).flatMap((text) => keyIdIn(text) ?? []);
    for (const keyId of new Set([...(await keysInJournal(databases.db, orderId)), ...inState]))
      orderIds.set(keyId, [...(orderIds.get(keyId) ?? []), orderId]);
  }
  return orderIds;
}
