import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { keyIdIn } from '../access/persons/sealing.js';
import { committed } from '../mongodb/durability.js';
import { journal } from '../log/journal/journal.js';
import { foldHistory, readHistoryLog } from '../log/history/history.js';
import { listWorkflows } from '../log/history/workflow-list.js';
import { searchAttributes } from '../log/workflow/search-attribute-names.js';
import { FORGOTTEN, mayForget, personalTexts } from '../order/forget.js';
import type { Order } from '../order/order.js';
import { orderLog } from '../order-log.js';
import { orders } from '../views/orders.js';
import type { OpenOrders } from './messages.js';
import { addPersons, noPersons } from './persons-in.js';

/** Where the orders of a customer are: Temporal, and MongoDB. */
export interface Stores {
  readonly client: Client;
  readonly db: Db;
  /** the task queue of the order workflows */
  readonly taskQueue: string;
}

/**
 * The orders of a customer: first those in the view `orders`, then those that only Temporal has.
 */
export async function* ordersOf(
  { client, db, taskQueue }: Stores,
  customerId: string,
): AsyncGenerator<Order, void> {
  const viewed = orders(db).find(
    { 'customer.id': customerId },
    { ...committed, projection: { _id: 0, state: 1 } },
  );
  for await (const { state } of viewed) yield state;
  const filter = `${searchAttributes.customer} = ${JSON.stringify(customerId)}`;
  for await (const { listed } of listWorkflows(orderLog, client, taskQueue, { filter })) {
    const orderIds = listed.map(({ orderId }) => orderId);
    const known = new Set(await orders(db).distinct('_id', { _id: { $in: orderIds } }, committed));
    for (const orderId of orderIds.filter((id) => !known.has(id))) {
      const log = await readHistoryLog(orderLog, client, orderId);
      // Undefined if the start command was refused: then no order exists.
      const order = log && foldHistory(orderLog, log);
      if (order !== undefined) yield order;
    }
  }
}

/**
 * Whether the order has a personal value that is in plain text, or sealed under one of the keys.
 */
export function holdsPersonUnder(order: Order, keys: readonly string[]): boolean {
  return personalTexts(order).some((text) => {
    if (text === FORGOTTEN) return false;
    const keyId = keyIdIn(text);
    return keyId === undefined || keys.includes(keyId);
  });
}

/** The keys under which values in an order's journal are sealed. */
export async function keysInJournal(db: Db, orderId: string): Promise<ReadonlySet<string>> {
  const found = noPersons();
  const events = journal(orderLog, db).find({ orderId }, { ...committed, projection: { _id: 0, data: 1 } });
  for await (const { data } of events) addPersons(found, data);
  return new Set(found.sealed.keys());
}

/**
 * Whether a forgetting of these keys concerns the order: it has values under these keys, or its
 * person was forgotten before, and its journal has a value under a key that was not destroyed then.
 * Such a value was added during the earlier forgetting, and its key needs a tombstone as well.
 */
export async function needsForgetting(db: Db, order: Order, keys: readonly string[]): Promise<boolean> {
  if (holdsPersonUnder(order, keys)) return true;
  const { forgotten, orderId } = order;
  const others = keys.filter((keyId) => forgotten !== undefined && !forgotten.keys.includes(keyId));
  if (others.length === 0) return false;
  const named = await keysInJournal(db, orderId);
  return others.some((keyId) => named.has(keyId));
}

const MOST_NAMED = 100;

/**
 * The customer's orders that are not finished.
 *
 * @param keys see `ForgettingActivities.findOpenOrders`
 */
export async function openOrders(
  stores: Stores,
  customerId: string,
  keys?: readonly string[],
  heartbeat: () => void = () => undefined,
): Promise<OpenOrders> {
  let count = 0;
  const orderIds: string[] = [];
  for await (const order of ordersOf(stores, customerId)) {
    heartbeat();
    if (mayForget(order) || (keys !== undefined && !(await needsForgetting(stores.db, order, keys))))
      continue;
    count += 1;
    if (orderIds.length < MOST_NAMED) orderIds.push(order.orderId);
  }
  return { count, orderIds };
}
