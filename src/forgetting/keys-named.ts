import { keysInJournal, ordersOf, type Stores } from './customer-orders.js';

/**
 * All keys under which values in the journals of a customer's orders are sealed: the ids of these
 * orders by the key's. A key that was given out while the key store was away may not be known there
 * as the customer's.
 */
export async function keysNamedBy(
  stores: Stores,
  customerId: string,
  heartbeat: () => void = () => undefined,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const orderIds = new Map<string, string[]>();
  for await (const { orderId } of ordersOf(stores, customerId)) {
    heartbeat();
    for (const keyId of await keysInJournal(stores.db, orderId))
      orderIds.set(keyId, [...(orderIds.get(keyId) ?? []), orderId]);
  }
  return orderIds;
}
