import type { Databases } from '../../databases.js';
import type { Config } from '../../server/config.js';
import type { Mongo } from '../../server/connections.js';
import { exitCodes, Failure, type FailureDetails } from '../script/failure.js';

/* Connections to Temporal and MongoDB, for scripts that the API cannot serve. */

/** How long Temporal may take to answer. Its client would try for much longer. */
export const TEMPORAL_WITHIN_MS = 3_000;

/**
 * Runs `work` with connections to Temporal and MongoDB.
 *
 * @throws Failure `unavailable` if one of them cannot be reached
 */
export async function withDatabases<T>(
  config: Config,
  work: (databases: Databases) => Promise<T>,
): Promise<T> {
  const { Client, connectMongo, connectTemporal, isMongoOutage, isTemporalOutage } = await loadClients();
  const connection = connectTemporal(config);
  const mongo = connectMongo(config);
  try {
    const client = new Client({ connection, namespace: config.temporal.namespace });
    return await work({ client, taskQueue: config.temporal.taskQueue, db: mongo.db });
  } catch (error) {
    if (isTemporalOutage(error))
      throw unavailable(`Temporal at ${config.temporal.address}`, 'TEMPORAL_ADDRESS');
    if (isMongoOutage(error)) throw unavailable('MongoDB', 'MONGODB_URI');
    throw error;
  } finally {
    await Promise.all([mongo.close(), connection.close()]);
  }
}

/** Fails within seconds if Temporal does not answer; its client would retry for much longer. */
export async function reachTemporal({ client: { connection } }: Databases): Promise<void> {
  await connection.withDeadline(Date.now() + TEMPORAL_WITHIN_MS, () =>
    connection.workflowService.getSystemInfo({}),
  );
}

function unavailable(server: string, variable: string): Failure {
  const message = `${server} cannot be reached: start it with \`npm start\`, or set ${variable}`;
  return new Failure(exitCodes.unavailable, { code: 'unavailable', message });
}

/**
 * Runs `work` with a connection to MongoDB.
 *
 * @throws Failure with the details `unreachable`, if MongoDB cannot be reached
 */
export async function withMongo<T>(
  config: Config,
  work: (mongo: Mongo) => Promise<T>,
  unreachable: FailureDetails,
): Promise<T> {
  const { connectMongo, isMongoOutage } = await loadClients();
  const mongo = connectMongo(config);
  try {
    return await work(mongo);
  } catch (error) {
    if (!isMongoOutage(error)) throw error;
    throw new Failure(exitCodes.unavailable, unreachable);
  } finally {
    await mongo.close();
  }
}

/** Loads the clients of both databases, and what recognizes their outages. */
export async function loadClients() {
  const [{ Client: TemporalClient, isGrpcServiceError }, connections, mongo, temporal] = await Promise.all([
    import('@temporalio/client'),
    import('../../server/connections.js'),
    import('../../outages/mongo-outage.js'),
    import('../../outages/temporal-outage.js'),
  ]);
  return { Client: TemporalClient, isGrpcServiceError, ...connections, ...mongo, ...temporal };
}
