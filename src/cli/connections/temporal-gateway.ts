import type { Connection } from '@temporalio/client';
import type { KeyStore } from '../../sealing/key-store/key-store.js';
import type { System } from '../../api/operations/system.js';
import type { Config } from '../../server/config.js';
import { exitCodes, Failure } from '../script/failure.js';
import type { TemporalGateway } from '../script/script.js';
import { loadClients, TEMPORAL_WITHIN_MS } from './databases.js';

/** How long to wait for the key store. A command without personal data does not need it. */
const KEY_STORE_WITHIN_MS = 1_000;
/** The status code of gRPC. */
const NOT_FOUND = 5;

/**
 * Connects the same gateway that the API uses. It asks MongoDB for the key that seals the personal
 * data in a command, and reads the journal. Commands without personal data work without MongoDB.
 *
 * @throws Failure before anything is sent: `temporal_unreachable`, or `no_such_namespace`
 */
export async function openTemporalGateway(config: Config): Promise<TemporalGateway> {
  const [
    { Client, connectMongo, connectTemporal },
    { gatewayReads },
    { createGateway, gatewaySettings },
    { createLogger },
  ] = await Promise.all([
    loadClients(),
    import('../../api/commands/gateway/reads.js'),
    import('../../api/commands/gateway/order-gateway.js'),
    import('../../server/logging/logger.js'),
  ]);
  const mongo = connectMongo(config);
  const connection = connectTemporal(config);
  const close = async () => {
    await Promise.all([mongo.close(), connection.close()]);
  };
  try {
    const system = await systemReached(connection, config, mongo.keyStore);
    const gateway = createGateway({
      client: new Client({ connection, namespace: config.temporal.namespace }),
      ...gatewaySettings(config),
      ...gatewayReads(() => mongo.db),
      keyStore: mongo.keyStore,
      logger: createLogger('silent'),
    });
    return { gateway, system, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function systemReached(connection: Connection, config: Config, keyStore: KeyStore): Promise<System> {
  const [{ isGrpcServiceError, isTemporalOutage }, { keyStoreIdOf, namespaceIdOf, systemOf }] =
    await Promise.all([loadClients(), import('../../api/operations/system.js')]);
  const { address, namespace } = config.temporal;
  const keyStoreId = keyStoreIdOf(keyStore, KEY_STORE_WITHIN_MS);
  try {
    const namespaceId = await namespaceIdOf(connection, namespace, TEMPORAL_WITHIN_MS);
    return systemOf(config, { namespaceId, keyStoreId: await keyStoreId });
  } catch (error) {
    if (isGrpcServiceError(error) && error.code.valueOf() === NOT_FOUND) {
      throw new Failure(exitCodes.usage, {
        code: 'no_such_namespace',
        message: `Temporal at ${address} has no namespace ${namespace}, nothing was sent: set TEMPORAL_NAMESPACE`,
      });
    }
    // Any other error is an answer, such as that the client may not describe the namespace.
    // Commands may still be allowed.
    if (!isTemporalOutage(error)) return systemOf(config, { keyStoreId: await keyStoreId });
    throw new Failure(exitCodes.unavailable, {
      code: 'temporal_unreachable',
      message: `Temporal at ${address} cannot be reached, nothing was sent: start it with \`npm start\`, or set TEMPORAL_ADDRESS`,
    });
  }
}
