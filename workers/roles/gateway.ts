import type { Client } from '@temporalio/client';
import type { Gateway, GatewayOptions } from '../../src/api/commands/gateway.js';
import { createGateway, gatewaySettings } from '../../src/api/commands/order-gateway.js';
import { recallCommands } from '../../src/log/journal/command-memory.js';
import { readJournal } from '../../src/log/journal/read-journal.js';
import { orderLog } from '../../src/order-log.js';
import { customerInView, hasRoomForFactsInView, orderInView } from '../../src/views/orders.js';
import type { RoleContext } from './role.js';

interface GatewayDeps extends Pick<RoleContext, 'config' | 'mongo' | 'logger'> {
  readonly client: Client;
}

/** The gateway of this process, whichever way commands come. */
export function gatewayOf(
  { client, config, mongo, logger }: GatewayDeps,
  waits: Pick<GatewayOptions, 'answerWithinMs' | 'journalWithinMs'> = {},
): Gateway {
  const { db, keys } = mongo;
  return createGateway({
    client,
    ...gatewaySettings(config),
    readJournal: (orderId, limit) => readJournal(orderLog, db, orderId, limit === undefined ? {} : { limit }),
    recall: (orderId, commandIds, upTo) => recallCommands(orderLog, db, orderId, commandIds, upTo),
    hasRoomForFacts: (orderId) => hasRoomForFactsInView(db, orderId),
    customerInView: (orderId) => customerInView(db, orderId),
    orderInView: (orderId) => orderInView(db, orderId),
    keys,
    logger,
    ...waits,
  });
}
