import { Client, type Connection } from '@temporalio/client';
import { createGateway, gatewaySettings, type Gateway } from '../commands/gateway.js';
import { recallCommands } from '../event-log/command-memory.js';
import { readJournal } from '../event-log/journal.js';
import type { Config } from '../platform/config.js';
import { connectMongo, connectTemporal, type Mongo } from '../platform/connections.js';
import { createLogger } from '../platform/logger.js';
import { isTemporalOutage } from '../platform/temporal-outage.js';
import { hasRoomForFactsInView } from '../projections/orders.js';
import { exitCodes, Failure } from './failure.js';

export interface WriteSide {
  readonly gateway: Gateway;
  readonly close: () => Promise<void>;
}

const REACHED_WITHIN_MS = 3_000;

/**
 * The gateway that the API uses too, connected. MongoDB is connected to when the journal is asked, so a command that need
 * not ask it works without.
 *
 * @throws Failure `temporal_unreachable`: nothing was sent
 */
export async function openWriteSide(config: Config): Promise<WriteSide> {
  const connection = connectTemporal(config);
  let mongo: Mongo | undefined;
  const db = () => (mongo ??= connectMongo(config)).db;
  const close = async () => {
    await Promise.all([mongo?.close(), connection.close()]);
  };
  try {
    await reach(connection, config.temporal.address);
  } catch (error) {
    await close();
    throw error;
  }
  const gateway = createGateway({
    client: new Client({ connection, namespace: config.temporal.namespace }),
    ...gatewaySettings(config),
    readJournal: (orderId, limit) => readJournal(db(), orderId, limit === undefined ? {} : { limit }),
    recall: (orderId, commandIds, upTo) => recallCommands(db(), orderId, commandIds, upTo),
    hasRoomForFacts: (orderId) => hasRoomForFactsInView(db(), orderId),
    logger: createLogger('silent'),
  });
  return { gateway, close };
}

async function reach(connection: Connection, address: string): Promise<void> {
  try {
    await connection.withDeadline(
      Date.now() + REACHED_WITHIN_MS,
      async () => await connection.workflowService.getSystemInfo({}),
    );
  } catch (error) {
    if (!isTemporalOutage(error)) throw error;
    throw new Failure(exitCodes.unavailable, {
      code: 'temporal_unreachable',
      message: `Temporal at ${address} cannot be reached, nothing was sent: start it with \`npm start\`, or set TEMPORAL_ADDRESS`,
    });
  }
}
