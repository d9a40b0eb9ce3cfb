import type { Db } from 'mongodb';
import { restoreStock } from '../../../effects/inventory/stock-restore.js';
import type { Order } from '../../../order/order.js';
import { NewerEvent } from '../../../order/upcasters.js';
import { committed, durable, insertMissing, isDuplicateKey } from '../../journal/durability.js';
import type { HistoryLog } from '../../journal/history.js';
import { insertIntoJournal, journal, journaled, restoreLog } from '../../journal/journal.js';
import { isServerError } from '../../../outages/server-error.js';
import { orders, projectOrder, searchable } from '../../../views/orders.js';

/** An order, read from its history. */
export interface KeptOrder {
  readonly log: HistoryLog;
  /** the fold of the log */
  readonly order: Order;
}

const atOnce = 8;

/**
 * Restores what the stock, the journal and the view lack of these orders. Their workflows may write
 * the same meanwhile. Orders without events in the journal are written together. For any other
 * order, what exists is compared and left as it is.
 *
 * @param heartbeat called after every write
 * @returns ids of orders that could not be restored from their first event on, or whose journal
 *   differs from their history
 * @throws errors of MongoDB
 */
export async function restoreOrders(
  db: Db,
  kept: readonly KeptOrder[],
  heartbeat: () => void,
): Promise<readonly string[]> {
  // Before the journal: as soon as that is complete, the orders' next effects rely on the stock.
  await restoreStock(
    db,
    kept.map(({ log }) => log),
  );
  heartbeat();
  const known = await journaled(
    db,
    kept.map(({ log }) => log.orderId),
  );
  const fresh = kept.filter(({ log }) => log.isComplete && !known.has(log.orderId));
  const isWritten = await insertOrders(db, fresh);
  heartbeat();
  const others = isWritten ? kept.filter((one) => !fresh.includes(one)) : kept;
  const exceptions: string[] = [];
  for (let from = 0; from < others.length; from += atOnce) {
    const some = others.slice(from, from + atOnce);
    const restored = await Promise.all(some.map((one) => restoreOrder(db, one)));
    exceptions.push(...some.flatMap(({ log }, index) => (restored[index] === true ? [] : [log.orderId])));
    heartbeat();
  }
  return exceptions;
}

/**
 * Writes orders with complete logs. False, and nothing is written after it, if the journal has an
 * event of theirs by now.
 */
async function insertOrders(db: Db, fresh: readonly KeptOrder[]): Promise<boolean> {
  if (fresh.length === 0) return true;
  const areInserted = await insertIntoJournal(
    db,
    fresh.flatMap(({ log }) => log.events),
  );
  if (!areInserted) return false;
  const viewed = await insertViews(db, fresh);
  // Checked after the views are written: an event that is recorded later finds a view to continue
  // from.
  const overtaken = await overtakenOrders(db, fresh);
  for (const orderId of new Set([...viewed, ...overtaken])) await projectOrder(db, orderId);
  return true;
}

/** @returns ids of the orders that have a view already */
async function insertViews(db: Db, fresh: readonly KeptOrder[]): Promise<readonly string[]> {
  const documents = await Promise.all(fresh.map(({ order }) => searchable(db, order)));
  return (await insertMissing(orders(db), documents)).map(({ orderId }) => orderId);
}

/** The orders that have new events since their history was read. */
async function overtakenOrders(db: Db, fresh: readonly KeptOrder[]): Promise<readonly string[]> {
  const open = new Map(
    fresh.filter(({ log }) => log.isOpen).map(({ order }) => [order.orderId, order.version]),
  );
  if (open.size === 0) return [];
  const found = await journal(db)
    .aggregate<{ _id: string; last: number }>(
      [
        { $match: { orderId: { $in: [...open.keys()] } } },
        { $group: { _id: '$orderId', last: { $max: '$version' } } },
      ],
      committed,
    )
    .toArray();
  return found.flatMap(({ _id: orderId, last }) => (last > (open.get(orderId) ?? last) ? [orderId] : []));
}

/** False if not all of the order can be restored. */
async function restoreOrder(db: Db, { log, order }: KeptOrder): Promise<boolean> {
  try {
    await restoreLog(db, log.events);
    const projected = await projectOrder(db, log.orderId);
    if ((projected?.version ?? 0) >= order.version) return true;
    await projectFromHistory(db, order);
    return false;
  } catch (error) {
    if (isServerError(error) || error instanceof NewerEvent) throw error;
    return false;
  }
}

async function projectFromHistory(db: Db, order: Order): Promise<void> {
  const { orderId, version } = order;
  try {
    const older = { _id: orderId, version: { $lt: version } };
    await orders(db).replaceOne(older, await searchable(db, order), { upsert: true, ...durable });
  } catch (error) {
    // Its view has this version, or a later one.
    if (!isDuplicateKey(error)) throw error;
  }
  await projectOrder(db, orderId);
}
