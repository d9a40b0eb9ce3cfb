import { orders } from '../order/entity.js';
import { Client, type Connection, isGrpcServiceError } from '@temporalio/client';
import { createGateway, gatewaySettings, type Gateway } from '../api/commands/gateway.js';
import { recallCommands } from '../log/journal/command-memory.js';
import { readJournal } from '../log/journal/journal.js';
import type { Config } from '../server/config.js';
import { connectMongo, connectTemporal, type Mongo } from '../server/connections.js';
import { createLogger } from '../server/logger.js';
import { namespaceIdOf, type System, systemOf } from '../server/system.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { hasRoomForFactsInView } from '../views/orders.js';
import { exitCodes, Failure } from './failure.js';

export interface WriteSide {
  readonly gateway: Gateway;
  /** where its commands go */
  readonly system: System;
  readonly close: () => Promise<void>;
}

const REACHED_WITHIN_MS = 3_000;
/** gRPC's code. */
const NOT_FOUND = 5;

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
  let system: System;
  try {
    system = await reach(connection, config);
  } catch (error) {
    await close();
    throw error;
  }
  const gateway = createGateway({
    client: new Client({ connection, namespace: config.temporal.namespace }),
    ...gatewaySettings(config),
    readJournal: (orderId, limit) => readJournal(db(), orderId, limit === undefined ? {} : { limit }),
    recall: (orderId, commandIds, upTo) => recallCommands(db(), orders, orderId, commandIds, upTo),
    hasRoomForFacts: (orderId) => hasRoomForFactsInView(db(), orderId),
    logger: createLogger('silent'),
  });
  return { gateway, system, close };
}

async function reach(connection: Connection, config: Config): Promise<System> {
  const { address, namespace } = config.temporal;
  try {
    return systemOf(config, await namespaceIdOf(connection, namespace, REACHED_WITHIN_MS));
  } catch (error) {
    if (isNoSuchNamespace(error)) {
      throw new Failure(exitCodes.usage, {
        code: 'no_such_namespace',
        message: `Temporal at ${address} has no namespace ${namespace}, nothing was sent: set TEMPORAL_NAMESPACE`,
      });
    }
    if (!isTemporalOutage(error)) return systemOf(config);
    throw new Failure(exitCodes.unavailable, {
      code: 'temporal_unreachable',
      message: `Temporal at ${address} cannot be reached, nothing was sent: start it with \`npm start\`, or set TEMPORAL_ADDRESS`,
    });
  }
}

function isNoSuchNamespace(error: unknown): boolean {
  return isGrpcServiceError(error) && error.code.valueOf() === NOT_FOUND;
}
