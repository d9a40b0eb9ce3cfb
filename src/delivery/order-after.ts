import type { Db } from 'mongodb';
import { fold } from '../log/journal/fold.js';
import { LogIncomplete } from '../log/journal/journal.js';
import { readStoredEvents } from '../log/journal/read-journal.js';
import { orderLog } from '../order-log.js';
import type { QueryTime } from '../mongodb/durability.js';
import type { StoredEvent } from '../order/events.js';
import type { Order } from '../order/order.js';

/**
 * Returns the order after a version, in its public shape; personal data is sealed.
 *
 * @throws LogIncomplete if the journal lacks an event up to that version
 * @throws Error if one of them cannot be upcast
 */
export type OrderAfter = (version: number) => Promise<object>;

/**
 * Folds an order forward, so that each event of its log is read once if the requested versions
 * ascend.
 *
 * @param last the last version that will be requested, if known: then one query reads the log
 */
export function foldOrder(
  db: Db,
  orderId: string,
  { last = 0, ...time }: QueryTime & { readonly last?: number } = {},
): OrderAfter {
  let order: Order | undefined;
  let unfolded: readonly StoredEvent[] = [];
  return async (version) => {
    if (order !== undefined && version < order.version) [order, unfolded] = [undefined, []];
    const known = unfolded.at(-1)?.version ?? order?.version ?? 0;
    if (known < version) {
      const limit = Math.max(version, last) - known;
      unfolded = [
        ...unfolded,
        ...(await readStoredEvents(orderLog, db, orderId, { from: known + 1, limit, ...time })),
      ];
    }
    const before = order?.version ?? 0;
    for (const stored of unfolded) {
      // An earlier call has folded this event, and then failed at a later one.
      if (stored.version <= before) continue;
      if (stored.version > version || stored.version !== versionAfter(order)) break;
      order = fold(orderLog, [orderLog.entity.upcast(stored)], order);
    }
    if (order === undefined || order.version < version)
      throw new LogIncomplete(`the journal lacks version ${versionAfter(order)} of the order ${orderId}`);
    unfolded = unfolded.filter((event) => event.version > version);
    return orderLog.shape.of(order);
  };
}

function versionAfter(order: Order | undefined): number {
  return (order?.version ?? 0) + 1;
}
