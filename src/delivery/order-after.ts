import type { Db } from 'mongodb';
import { fold } from '../log/journal/fold.js';
import { readStored } from '../log/journal/journal.js';
import { orderLog } from '../order-log.js';
import type { StoredEvent } from '../order/events.js';
import type { Order } from '../order/order.js';

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
