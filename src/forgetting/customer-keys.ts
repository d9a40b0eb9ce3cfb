import { keyIdIn } from '../sealing/seal.js';
import type { Databases } from '../databases.js';
import { personalTexts } from '../order/forget.js';
import { ordersOf } from './customer-orders.js';
import { keysInJournal } from './keys-in-journal.js';

/**
 * The ids of all keys under which values of a customer's orders are sealed, each with the ids of
 * the orders that have such a value. The values are in the journal, and in the orders' states if
 * the journal has lost events. The key store alone is not enough: if a key was assigned during an
 * outage, the store may not know yet that it is the customer's.
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
