import type { Databases } from '../log/history/databases.js';
import { ordersOf } from './customer-orders.js';
import { keysInJournal } from './keys-in-journal.js';

/**
 * All keys under which values in the journals of a customer's orders are sealed, each with the ids
 * of the orders that have such a value. The key store may not know yet that a key is the
 * customer's, if it was assigned during an outage.
 */
export async function keysOfCustomer(
  databases: Databases,
  customerId: string,
  heartbeat: () => void = () => undefined,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const orderIds = new Map<string, string[]>();
  for await (const { orderId } of ordersOf(databases, customerId)) {
    heartbeat();
    for (const keyId of await keysInJournal(databases.db, orderId))
      orderIds.set(keyId, [...(orderIds.get(keyId) ?? []), orderId]);
  }
  return orderIds;
}
