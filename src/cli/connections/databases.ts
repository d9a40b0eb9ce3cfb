import type { Databases } from '../../databases.js';
import type { Config } from '../../server/config.js';
import type { Mongo } from '../../server/connections.js';
import { exitCodes, Failure, usageFailure } from '../script/failure.js';
import { type CommonOptions, configOf, type Session } from '../script/script.js';
import { SYSTEM_VARIABLES } from './same-system.js';

/* Connections to Temporal and MongoDB, for scripts that the API cannot serve. */

/** How long Temporal may take to answer. Its client would try for much longer. */
export const TEMPORAL_WITHIN_MS = 3_000;

/**
 * Runs `work` with connections to Temporal, which has answered, and MongoDB.
 *
 * @throws Failure `temporal_unreachable` or `mongodb_unreachable`
 */
export async function withDatabases<T>(
  session: Session,
  work: (databases: Databases) => Promise<T>,
): Promise<T> {
  const config = configOf(session);
  const { Client, connectMongo, connectTemporal, isMongoOutage, isTemporalOutage } = await loadClients();
  const connection = connectTemporal(config);
  const mongo = connectMongo(config);
  try {
    await connection.withDeadline(Date.now() + TEMPORAL_WITHIN_MS, () =>
      connection.workflowService.getSystemInfo({}),
    );
    const client = new Client({ connection, namespace: config.temporal.namespace });
    return await work({ client, taskQueue: config.temporal.taskQueue, db: mongo.db });
  } catch (error) {
    if (isTemporalOutage(error))
      throw unreachable('temporal_unreachable', `Temporal at ${config.temporal.address}`, 'TEMPORAL_ADDRESS');
    throw isMongoOutage(error) ? mongoUnreachable(config) : error;
  } finally {
    await Promise.all([mongo.close(), connection.close()]);
  }
}

/**
 * Runs `work` with a connection to MongoDB.
 *
 * @throws Failure `mongodb_unreachable`
 */
export async function withMongo<T>(session: Session, work: (mongo: Mongo) => Promise<T>): Promise<T> {
  const config = configOf(session);
  const { connectMongo, isMongoOutage } = await loadClients();
  const mongo = connectMongo(config);
  try {
    return await work(mongo);
  } catch (error) {
    throw isMongoOutage(error) ? mongoUnreachable(config) : error;
  } finally {
    await mongo.close();
  }
}

/**
 * Refuses the options that say which API to use. Called by the scripts that use none, because the
 * options would seem to have been used.
 *
 * @throws Failure if such an option is given
 */
export function refuseApiOptions({ url, keyFile }: CommonOptions): void {
  const given = url !== undefined ? '--url' : keyFile !== undefined ? '--key-file' : undefined;
  if (given === undefined) return;
  throw usageFailure(
    `${given} does not apply, because this script works on Temporal and MongoDB themselves: set ${SYSTEM_VARIABLES} instead`,
  );
}

function mongoUnreachable({ keys }: Config): Failure {
  const variables = keys.uri === undefined ? 'MONGODB_URI' : 'MONGODB_URI and KEYS_MONGODB_URI';
  return unreachable('mongodb_unreachable', 'MongoDB', variables);
}

function unreachable(code: string, server: string, variables: string): Failure {
  const message = `${server} cannot be reached: start it with \`npm start\`, or set ${variables}`;
  return new Failure(exitCodes.unavailable, { code, message });
}

/** Loads the clients of both databases, and what recognizes their outages. */
export async function loadClients() {
  const [
    { Client: TemporalClient, isGrpcServiceError },
    { connectMongo, connectTemporal },
    { isMongoOutage },
    { isTemporalOutage },
  ] = await Promise.all([
    import('@temporalio/client'),
    import('../../server/connections.js'),
    import('../../outages/mongo-outage.js'),
    import('../../outages/temporal-outage.js'),
  ]);
  return {
    Client: TemporalClient,
    connectMongo,
    connectTemporal,
    isGrpcServiceError,
    isMongoOutage,
    isTemporalOutage,
  };
}
