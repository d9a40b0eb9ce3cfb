import { Client, type Connection, isGrpcServiceError } from '@temporalio/client';
import type { KeyStore } from '../../access/persons/key-store.js';
import { gatewayReads } from '../../api/commands/gateway/reads.js';
import { createGateway, gatewaySettings } from '../../api/commands/gateway/order-gateway.js';
import { keyStoreIdOf, namespaceIdOf, type System, systemOf } from '../../api/operations/system.js';
import { isTemporalOutage } from '../../outages/temporal-outage.js';
import type { Config } from '../../server/config.js';
import { connectMongo, connectTemporal, type Mongo } from '../../server/connections.js';
import { createLogger } from '../../server/logging/logger.js';
import { exitCodes, Failure, type TemporalGateway } from '../script/script.js';

const REACHED_WITHIN_MS = 3_000;
/** How long to wait for the key store. A command without persons does not need it. */
const KEYS_ASKED_FOR_MS = 1_000;
/** gRPC's code. */
const NOT_FOUND = 5;

/**
 * Connects the same gateway that the API uses. It asks MongoDB for the key that seals the persons
 * in a command, and reads the journal. Commands without persons work without MongoDB.
 *
 * @throws Failure `temporal_unreachable` before anything is sent
 */
export async function openTemporalGateway(config: Config): Promise<TemporalGateway> {
  const connection = connectTemporal(config);
  let mongo: Mongo | undefined;
  const stores = () => (mongo ??= connectMongo(config));
  const close = async () => {
    await Promise.all([mongo?.close(), connection.close()]);
  };
  let system: System;
  try {
    system = await reach(connection, config, stores().keys);
  } catch (error) {
    await close();
    throw error;
  }
  const gateway = createGateway({
    client: new Client({ connection, namespace: config.temporal.namespace }),
    ...gatewaySettings(config),
    ...gatewayReads(() => stores().db),
    keys: {
      sealingKey: (customerId) => stores().keys.sealingKey(customerId),
      keysOf: (customerId) => stores().keys.keysOf(customerId),
      opening: (keyId) => stores().keys.opening(keyId),
    },
    logger: createLogger('silent'),
  });
  return { gateway, system, close };
}

async function reach(connection: Connection, config: Config, keys: KeyStore): Promise<System> {
  const { address, namespace } = config.temporal;
  const keyStore = keyStoreIdOf(keys, KEYS_ASKED_FOR_MS);
  try {
    const namespaceId = await namespaceIdOf(connection, namespace, REACHED_WITHIN_MS);
    return systemOf(config, { namespaceId, keyStoreId: await keyStore });
  } catch (error) {
    if (isNoSuchNamespace(error)) {
      throw new Failure(exitCodes.usage, {
        code: 'no_such_namespace',
        message: `Temporal at ${address} has no namespace ${namespace}, nothing was sent: set TEMPORAL_NAMESPACE`,
      });
    }
    if (!isTemporalOutage(error)) return systemOf(config, { keyStoreId: await keyStore });
    throw new Failure(exitCodes.unavailable, {
      code: 'temporal_unreachable',
      message: `Temporal at ${address} cannot be reached, nothing was sent: start it with \`npm start\`, or set TEMPORAL_ADDRESS`,
    });
  }
}

function isNoSuchNamespace(error: unknown): boolean {
  return isGrpcServiceError(error) && error.code.valueOf() === NOT_FOUND;
}
