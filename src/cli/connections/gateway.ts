import type { Connection } from '@temporalio/client';
import type { KeyStore } from '../../access/persons/key-store.js';
import type { CommandMeta, CommandResult, Gateway } from '../../api/commands/gateway/gateway.js';
import type { Preview } from '../../api/commands/gateway/preview.js';
import { routeOf } from '../../api/commands/table.js';
import type { System } from '../../api/operations/system.js';
import type { CommandAnswer } from '../../order-log.js';
import { type FollowUpCommand, partOf } from '../../order/commands.js';
import type { Config } from '../../server/config.js';
import {
  type CommonOptions,
  configOf,
  exitCodes,
  Failure,
  type Session,
  type TemporalGateway,
} from '../script/script.js';
import { isOverHttp } from '../script/sender.js';
import { type Answered, type Api, apiOf } from './api.js';
import { loadClients, TEMPORAL_WITHIN_MS } from './databases.js';

/* How a script sends commands: to the API if there is a key, otherwise to Temporal. */

export type CommandGateway = Omit<Gateway, 'fact'>;

export interface OpenGateway {
  /** the API of the same system, for queries */
  readonly api: Api;
  readonly gateway: CommandGateway;
  readonly close: () => Promise<void>;
}

/** How long the API may take to say which system it serves. */
const SYSTEM_WITHIN_MS = 2_000;

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
    served = await api.getSoon('/v1/system', SYSTEM_WITHIN_MS);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.exitCode === exitCodes.unavailable || isRefusal(error)) return;
    const isNoApi = error.exitCode === exitCodes.notFound || error.details.code === 'no_api';
    throw isNoApi ? unknownSystem(api) : error;
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

/**
 * Sends commands to the API with the key of `api`. The owner of the key is the actor. A refusal is
 * thrown as a `Failure` with the API's problem.
 */
export function httpGateway(api: Api): CommandGateway {
  const creation = (id: string | undefined, order: object): Request => ({
    path: routeOf('CreateOrder'),
    body: id === undefined ? order : { id, ...order },
  });
  return {
    create: async (id, order, meta) => await send(api, creation(id, order), meta),
    previewCreate: async (id, order, meta) => await preview(api, creation(id, order), meta),
    preview: async (orderId, command, meta) => await preview(api, requestOf(orderId, command), meta),
    execute: async (orderId, command, meta) => await send(api, requestOf(orderId, command), meta),
    signal: async (orderId, command, meta) =>
      await send(api, requestOf(orderId, command), meta, { prefer: 'respond-async' }),
  };
}

interface Request {
  readonly path: string;
  readonly body: object;
}

function requestOf(orderId: string, { type, data }: FollowUpCommand): Request {
  const part = partOf(type);
  const name = part === undefined ? undefined : `${part}Id`;
  const members = Object.entries(data);
  const ids = new Map([['orderId', orderId], ...members.filter(([member]) => member === name)]);
  const path = routeOf(type).replaceAll(/:(\w+)/g, (_, id: string) => encodeURIComponent(ids.get(id) ?? ''));
  return { path, body: Object.fromEntries(members.filter(([member]) => member !== name)) };
}

async function preview(api: Api, { path, body }: Request, meta: CommandMeta): Promise<CommandResult> {
  const answer = await api.postForAnswer<Preview>(`${path}?preview=true`, body, headersOf(meta));
  return { kind: 'previewed', preview: answer.body, replayed: isReplayed(answer) };
}

async function send(
  api: Api,
  { path, body }: Request,
  meta: CommandMeta,
  headers: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const answer = await api.postForAnswer<CommandAnswer>(path, body, { ...headers, ...headersOf(meta) });
  const replayed = isReplayed(answer);
  if (answer.status === 202) return { kind: 'accepted', orderId: answer.body.orderId, replayed };
  return { kind: 'answered', answer: answer.body, replayed };
}

function headersOf({ key, correlationId, expectedVersion, onBehalfOf }: CommandMeta) {
  return {
    'idempotency-key': key,
    'x-correlation-id': correlationId,
    ...(expectedVersion === undefined ? {} : { 'if-match': `"${expectedVersion}"` }),
    ...(onBehalfOf === undefined ? {} : { 'on-behalf-of': onBehalfOf }),
  };
}

function isReplayed({ headers }: Answered<unknown>): boolean {
  return headers.get('idempotent-replayed') === 'true';
}

/** How long to wait for the key store. A command without persons does not need it. */
const KEY_STORE_WITHIN_MS = 1_000;
/** A status code of gRPC. */
const NOT_FOUND = 5;

/**
 * Connects the same gateway that the API uses. It asks MongoDB for the key that seals the persons
 * in a command, and reads the journal. Commands without persons work without MongoDB.
 *
 * @throws Failure `temporal_unreachable` before anything is sent
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
    const system = await reach(connection, config, mongo.keys);
    const gateway = createGateway({
      client: new Client({ connection, namespace: config.temporal.namespace }),
      ...gatewaySettings(config),
      ...gatewayReads(() => mongo.db),
      keys: mongo.keys,
      logger: createLogger('silent'),
    });
    return { gateway, system, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function reach(connection: Connection, config: Config, keys: KeyStore): Promise<System> {
  const [{ isGrpcServiceError, isTemporalOutage }, { keyStoreIdOf, namespaceIdOf, systemOf }] =
    await Promise.all([loadClients(), import('../../api/operations/system.js')]);
  const { address, namespace } = config.temporal;
  const keyStore = keyStoreIdOf(keys, KEY_STORE_WITHIN_MS);
  try {
    const namespaceId = await namespaceIdOf(connection, namespace, TEMPORAL_WITHIN_MS);
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
