import type { Client, Connection } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { KeyStore } from '../../access/persons/key-store.js';
import type { Gateway } from '../../api/commands/gateway/gateway.js';
import type { System } from '../../api/operations/system.js';
import { messageOf } from '../../outages/message-of.js';
import type { Config } from '../../server/config.js';
import type { Mongo } from '../../server/connections.js';
import {
  type CommonOptions,
  configOf,
  exitCodes,
  Failure,
  type FailureDetails,
  type Session,
  type TemporalGateway,
} from '../script/script.js';
import { isOverHttp } from '../script/sender.js';
import { type Api, apiOf } from './api.js';
import { httpGateway } from './http-gateway.js';

/**
 * Direct connections to Temporal and MongoDB: for commands that are sent without a key, and for
 * scripts that the API cannot serve.
 */

/** Where a script sends commands: to the API if there is a key, otherwise to Temporal. */
export interface OpenGateway {
  /** the API of the same system, for queries */
  readonly api: Api;
  readonly gateway: Omit<Gateway, 'fact'>;
  readonly close: () => Promise<void>;
}

/** How long the API may take to say which system it serves. */
const ANSWER_WITHIN_MS = 2_000;
/** How long Temporal may take to answer. Its client would try for much longer. */
const REACHED_WITHIN_MS = 3_000;

/**
 * Opens the gateway. If commands go to Temporal, checks that the API serves the same system. If the
 * API does not answer, commands can still be sent.
 *
 * @throws Failure before anything is sent: `other_system` if the API serves another system, or
 *   `temporal_unreachable`
 */
export async function openGateway(session: Session, options: CommonOptions): Promise<OpenGateway> {
  const api = apiOf(session, options);
  if (isOverHttp(session, options)) return { api, gateway: httpGateway(api), close: async () => {} };
  const { gateway, system, close } = await session.openTemporalGateway(configOf(session));
  try {
    await checkSystem(api, system);
  } catch (error) {
    await close();
    throw error;
  }
  return { api, gateway, close };
}

/** @throws Failure if the API answers, and does not serve the system that commands go to */
async function checkSystem(api: Api, sentTo: System): Promise<void> {
  const [{ Compile }, { isSameSystem, System: schema }] = await Promise.all([
    import('typebox/compile'),
    import('../../api/operations/system.js'),
  ]);
  let served: unknown;
  try {
    served = await api.getSoon('/v1/system', ANSWER_WITHIN_MS);
  } catch (error) {
    if (!(error instanceof Failure)) throw unknownSystem(api);
    if (error.exitCode === exitCodes.unavailable || isRefusal(error)) return;
    throw error.exitCode === exitCodes.notFound ? unknownSystem(api) : error;
  }
  if (!Compile(schema).Check(served)) throw unknownSystem(api);
  if (!isSameSystem(sentTo, served)) throw otherSystem(sentTo, served, api);
}

/** Whether the API refused to answer because a key or a scope is missing. */
function isRefusal({ details: { code } }: Failure): boolean {
  return ['unauthenticated', 'invalid_key', 'invalid_token', 'scope_missing'].includes(code);
}

const REMEDY =
  'set TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TASK_QUEUE, MONGODB_URI, MONGODB_DB and KEYS_MONGODB_URI as the API ' +
  'has them, or give the address of the right API with --url (ORDERS_URL)';

function otherSystem(sentTo: System, served: System, api: Api): Failure {
  const message =
    `commands would go to ${textOf(sentTo)}, but the API at ${api.url} serves ${textOf(served)}; nothing was sent: ` +
    REMEDY;
  return new Failure(exitCodes.usage, { code: 'other_system', message });
}

function unknownSystem(api: Api): Failure {
  const message =
    `${api.url} does not say which system it serves, so it is no API of this version; nothing was sent: give the address ` +
    'of the API with --url (ORDERS_URL)';
  return new Failure(exitCodes.usage, { code: 'other_system', message });
}

function textOf({ temporal, mongodb, keys }: System): string {
  const { address, namespace, namespaceId, taskQueue } = temporal;
  return (
    `Temporal ${address}, namespace ${namespace}${inBrackets(namespaceId)}, task queue ${taskQueue}, ` +
    `database ${mongodb.db}, key store ${keys.db}${inBrackets(keys.id)}`
  );
}

function inBrackets(id: string | undefined): string {
  return id === undefined ? '' : ` (${id})`;
}

/** How long to wait for the key store. A command without persons does not need it. */
const KEYS_ASKED_FOR_MS = 1_000;
/** A status code of gRPC. */
const NOT_FOUND = 5;

/**
 * Connects the same gateway that the API uses. It asks MongoDB for the key that seals the persons
 * in a command, and reads the journal. Commands without persons work without MongoDB.
 *
 * @throws Failure `temporal_unreachable` before anything is sent
 */
export async function openTemporalGateway(config: Config): Promise<TemporalGateway> {
  const [{ Client, connectMongo, connectTemporal }, { gatewayReads }, gateways, { createLogger }] =
    await Promise.all([
      clients(),
      import('../../api/commands/gateway/reads.js'),
      import('../../api/commands/gateway/order-gateway.js'),
      import('../../server/logging/logger.js'),
    ]);
  const connection = connectTemporal(config);
  let mongo: Mongo | undefined;
  const mongoNow = () => (mongo ??= connectMongo(config));
  const close = async () => {
    await Promise.all([mongo?.close(), connection.close()]);
  };
  let system: System;
  try {
    system = await reach(connection, config, mongoNow().keys);
  } catch (error) {
    await close();
    throw error;
  }
  const gateway = gateways.createGateway({
    client: new Client({ connection, namespace: config.temporal.namespace }),
    ...gateways.gatewaySettings(config),
    ...gatewayReads(() => mongoNow().db),
    keys: {
      sealingKey: (customerId) => mongoNow().keys.sealingKey(customerId),
      keysOf: (customerId) => mongoNow().keys.keysOf(customerId),
      opening: (keyId) => mongoNow().keys.opening(keyId),
    },
    logger: createLogger('silent'),
  });
  return { gateway, system, close };
}

async function reach(connection: Connection, config: Config, keys: KeyStore): Promise<System> {
  const [{ isGrpcServiceError, isTemporalOutage }, { keyStoreIdOf, namespaceIdOf, systemOf }] =
    await Promise.all([clients(), import('../../api/operations/system.js')]);
  const { address, namespace } = config.temporal;
  const keyStore = keyStoreIdOf(keys, KEYS_ASKED_FOR_MS);
  try {
    const namespaceId = await namespaceIdOf(connection, namespace, REACHED_WITHIN_MS);
    return systemOf(config, { namespaceId, keyStoreId: await keyStore });
  } catch (error) {
    if (isGrpcServiceError(error) && error.code.valueOf() === NOT_FOUND) {
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

export interface Databases {
  readonly client: Client;
  readonly db: Db;
}

/**
 * Runs `work` with connections to Temporal and MongoDB.
 *
 * @throws Failure `unavailable` if one of them cannot be reached
 */
export async function withDatabases<T>(
  config: Config,
  work: (databases: Databases) => Promise<T>,
): Promise<T> {
  const { Client, connectMongo, connectTemporal, isMongoOutage, isTemporalOutage } = await clients();
  const connection = connectTemporal(config);
  const mongo = connectMongo(config);
  try {
    const client = new Client({ connection, namespace: config.temporal.namespace });
    return await work({ client, db: mongo.db });
  } catch (error) {
    if (isTemporalOutage(error)) throw unavailable('Temporal', config.temporal.address, error);
    if (isMongoOutage(error)) throw unavailable('MongoDB', 'MONGODB_URI', error);
    throw error;
  } finally {
    await Promise.all([mongo.close(), connection.close()]);
  }
}

/** Fails within seconds if Temporal does not answer; its client would retry for much longer. */
export async function reachTemporal({ client: { connection } }: Databases): Promise<void> {
  await connection.withDeadline(Date.now() + REACHED_WITHIN_MS, () =>
    connection.workflowService.getSystemInfo({}),
  );
}

function unavailable(server: string, address: string, error: unknown): Failure {
  const message = `${server} (${address}) does not answer: ${messageOf(error)}; start it with \`npm start\``;
  return new Failure(exitCodes.unavailable, { code: 'unavailable', message });
}

/**
 * Runs `work` with a connection to MongoDB.
 *
 * @throws Failure `unavailable` with the message of `unreachable`, if MongoDB cannot be reached
 */
export async function withMongo<T>(
  config: Config,
  work: (mongo: Mongo) => Promise<T>,
  unreachable: (error: unknown) => FailureDetails,
): Promise<T> {
  const { connectMongo, isMongoOutage } = await clients();
  const mongo = connectMongo(config);
  try {
    return await work(mongo);
  } catch (error) {
    if (!isMongoOutage(error)) throw error;
    throw new Failure(exitCodes.unavailable, unreachable(error));
  } finally {
    await mongo.close();
  }
}

/** Loads what connects to the databases and recognizes their outages. */
async function clients() {
  const [{ Client: TemporalClient, isGrpcServiceError }, connections, mongo, temporal] = await Promise.all([
    import('@temporalio/client'),
    import('../../server/connections.js'),
    import('../../outages/mongo-outage.js'),
    import('../../outages/temporal-outage.js'),
  ]);
  return { Client: TemporalClient, isGrpcServiceError, ...connections, ...mongo, ...temporal };
}
