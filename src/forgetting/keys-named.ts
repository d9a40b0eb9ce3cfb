import { committed } from '../log/journal/durability.js';
import { journal } from '../log/journal/journal.js';
import { orderLog } from '../order-log.js';
import { ordersOf, type Stores } from './customer-orders.js';
import { addPersons, noPersons } from './persons-in.js';

/**
 * The ids of all keys under which values in the journals of a customer's orders are sealed. A key
 * that was given out while the key store was away may not be known there as the customer's.
 */
export async function keysNamedBy(
  stores: Stores,
  customerId: string,
  heartbeat: () => void,
): Promise<readonly string[]> {
  const found = noPersons();
  for await (const { orderId } of ordersOf(stores, customerId)) {
    heartbeat();
    const events = journal(orderLog, stores.db).find({ orderId }, { ...committed, projection: { data: 1 } });
    for await (const { data } of events) addPersons(found, data);
  }
  return [...found.sealed.keys()];
}
