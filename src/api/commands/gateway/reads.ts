import type { Db } from 'mongodb';
import { recallCommands } from '../../../log/journal/command-memory.js';
import { readJournal } from '../../../log/journal/read-journal.js';
import { orderLog } from '../../../order-log.js';
import { customerInView, hasRoomForFactsInView, orderInView } from '../../../views/orders.js';
import type { GatewayOptions } from './gateway.js';

/**
 * How a gateway reads the journal and the view of orders.
 *
 * @param db called only when something is read, because most commands need no read
 */
export function gatewayReads(
  db: () => Db,
): Pick<GatewayOptions, 'readJournal' | 'recall' | 'hasRoomForFacts' | 'customerInView' | 'orderInView'> {
  return {
    readJournal: (orderId, limit) =>
      readJournal(orderLog, db(), orderId, limit === undefined ? {} : { limit }),
    recall: (orderId, commandIds, upTo) => recallCommands(orderLog, db(), orderId, commandIds, upTo),
    hasRoomForFacts: (orderId) => hasRoomForFactsInView(db(), orderId),
    customerInView: (orderId) => customerInView(db(), orderId),
    orderInView: (orderId) => orderInView(db(), orderId),
  };
}
