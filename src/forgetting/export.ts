import type { Opened } from '../sealing/opening.js';
import { attentionOf } from '../attention/list.js';
import type { AttentionDeps } from '../attention/source.js';
import { committed } from '../mongodb/durability.js';
import { readHistoryLog } from '../log/history/history.js';
import { readStoredEvents } from '../log/journal/read-journal.js';
import { eventsSetAside } from '../log/journal/set-aside.js';
import type { Order } from '../order/order.js';
import { toView } from '../order/view.js';
import { orderLog } from '../order-log.js';
import type { Databases } from '../databases.js';
import { ordersOf } from './customer-orders.js';
import { forgettings } from './forgettings.js';

export interface ExportDeps {
  readonly databases: Databases;
  readonly attention: AttentionDeps;
  /** opens the sealed values in plain data */
  readonly open: (value: object) => Promise<Opened<unknown>>;
}

/**
 * All data of a customer, as the text of one JSON value. It comes in pieces, so that only one order
 * at a time is in memory. Empty if the customer has no order. `sealedOrders` at its end names the
 * orders that have a value which could not be opened, because the key store is unavailable or lacks
 * its key.
 */
export async function* exportPerson(
  { databases, attention, open }: ExportDeps,
  customerId: string,
): AsyncGenerator<string, void> {
  let separator = '';
  const sealedOrders: string[] = [];
  for await (const order of ordersOf(databases, customerId)) {
    if (separator === '')
      yield `{"customerId":${JSON.stringify(customerId)},"exportedAt":"${new Date().toISOString()}","orders":[`;
    const { value, personalData } = await open(await exportedOrder(databases, attention, order));
    if (personalData === 'sealed') sealedOrders.push(order.orderId);
    yield separator + JSON.stringify(value);
    separator = ',';
  }
  if (separator === '') return;
  const rows = await forgettings(databases.db)
    .find({ customerId }, committed)
    .sort({ requestedAt: 1 })
    .toArray();
  yield `],"forgettings":${JSON.stringify(rows)},"sealedOrders":${JSON.stringify(sealedOrders)}}`;
}

/**
 * The order in its public shape, its whole log, its events that were set aside, and its rows in the
 * attention list.
 */
async function exportedOrder(
  { client, db }: Databases,
  attention: AttentionDeps,
  order: Order,
): Promise<object> {
  const { orderId } = order;
  const recorded = await readStoredEvents(orderLog, db, orderId);
  const events =
    recorded.length > 0 ? recorded : ((await readHistoryLog(orderLog, client, orderId))?.events ?? []);
  const aside = await eventsSetAside(orderLog, db)
    .find({ orderId }, { ...committed, projection: { _id: 0 } })
    .toArray();
  return {
    orderId,
    order: toView(order),
    events,
    ...(aside.length > 0 && { eventsSetAside: aside }),
    attention: await attentionOf(attention, orderId),
  };
}
