import type { CommandResult, Gateway } from '../../api/commands/gateway/gateway.js';
import type { Preview } from '../../api/commands/gateway/preview.js';
import { routeOf } from '../../api/commands/table.js';
import type { System } from '../../api/operations/system.js';
import type { CommandMeta } from '../../log/gateway/message.js';
import type { CommandAnswer } from '../../order-log.js';
import { type FollowUpCommand, partOf } from '../../order/commands.js';
import { exitCodes, Failure } from '../script/failure.js';
import { type CommonOptions, configOf, type Session } from '../script/script.js';
import { isOverHttp } from '../script/sender.js';
import { type Answered, type Api, apiOf } from './api.js';

/* Where a script sends commands: to the API if there is a key, otherwise to Temporal. */

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
