import { Compile } from 'typebox/compile';
import type { Gateway } from '../../api/commands/gateway/gateway.js';
import { isSameSystem, System } from '../../api/operations/system.js';
import { exitCodes, Failure } from '../script/failure.js';
import { isOverHttp } from '../script/sender.js';
import { type CommonOptions, configOf, type Session } from '../script/session.js';
import type { Api } from './api.js';
import { httpGateway } from './http-gateway.js';
import { apiOf } from './target.js';

/**
 * One system, as a script reaches it: its API for queries, and a gateway for commands. Commands go
 * to the API if there is a key, otherwise to Temporal.
 */
export interface Sides {
  readonly api: Api;
  readonly gateway: Omit<Gateway, 'fact'>;
  readonly close: () => Promise<void>;
}

const ANSWER_WITHIN_MS = 2_000;

/**
 * Opens both sides, and checks that they belong to one system. If the API does not answer, commands
 * can still be sent, because they go to Temporal.
 *
 * @throws Failure before anything is sent: `other_system` if the API serves another system, or
 *   `temporal_unreachable`
 */
export async function openSides(session: Session, options: CommonOptions): Promise<Sides> {
  const api = apiOf(session, options);
  if (isOverHttp(session, options)) return { api, gateway: httpGateway(api), close: async () => {} };
  const { gateway, system, close } = await session.openWriteSide(configOf(session));
  try {
    const served = await systemBehind(api);
    if (served !== undefined && !isSameSystem(system, served)) throw otherSystem(system, served, api);
  } catch (error) {
    await close();
    throw error;
  }
  return { api, gateway, close };
}

const systems = Compile(System);

/** The system that an API serves; undefined if the API does not answer. */
async function systemBehind(api: Api): Promise<System | undefined> {
  let answer: unknown;
  try {
    answer = await api.getSoon('/v1/system', ANSWER_WITHIN_MS);
  } catch (error) {
    if (!(error instanceof Failure)) throw unknownSystem(api);
    if (error.exitCode === exitCodes.unavailable || isRefusal(error)) return undefined;
    throw error.exitCode === exitCodes.notFound ? unknownSystem(api) : error;
  }
  if (!systems.Check(answer)) throw unknownSystem(api);
  return answer;
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
