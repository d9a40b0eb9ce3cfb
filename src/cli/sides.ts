import { Compile } from 'typebox/compile';
import type { Gateway } from '../api/commands/gateway.js';
import { isSameSystem, System } from '../server/system.js';
import type { Api } from './api.js';
import { exitCodes, Failure } from './failure.js';
import { apiOf, type CommonOptions, configOf, type Session } from './session.js';

/** Both sides of one system: commands go to its Temporal, queries to its API. */
export interface Sides {
  readonly api: Api;
  readonly gateway: Gateway;
  readonly close: () => Promise<void>;
}

const ANSWER_WITHIN_MS = 2_000;

/**
 * Opens both sides, and makes sure that they are of one system. An API that does not answer is no obstacle: a command needs
 * none.
 *
 * @throws Failure, before anything is sent: `other_system` when the API serves another one, `temporal_unreachable`
 */
export async function openSides(session: Session, options: CommonOptions): Promise<Sides> {
  const api = apiOf(session, options);
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

/** The system that an API serves; undefined when it does not answer. */
async function systemBehind(api: Api): Promise<System | undefined> {
  let answer: unknown;
  try {
    answer = await api.getSoon('/v1/system', ANSWER_WITHIN_MS);
  } catch (error) {
    if (!(error instanceof Failure)) throw unknownSystem(api);
    if (error.exitCode === exitCodes.unavailable) return undefined;
    throw error.exitCode === exitCodes.notFound ? unknownSystem(api) : error;
  }
  if (!systems.Check(answer)) throw unknownSystem(api);
  return answer;
}

const REMEDY =
  'set TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TASK_QUEUE and MONGODB_DB as the API has them, or say with --url ' +
  '(ORDERS_URL) where the right API is';

function otherSystem(sentTo: System, served: System, api: Api): Failure {
  const message =
    `commands would go to ${textOf(sentTo)}, but the API at ${api.url} serves ${textOf(served)}; nothing was sent: ` +
    REMEDY;
  return new Failure(exitCodes.usage, { code: 'other_system', message });
}

function unknownSystem(api: Api): Failure {
  const message =
    `${api.url} does not say which system it serves, so it is no API of this version; nothing was sent: say with --url ` +
    '(ORDERS_URL) where the API is';
  return new Failure(exitCodes.usage, { code: 'other_system', message });
}

function textOf({ temporal, mongodb }: System): string {
  const { address, namespace, namespaceId, taskQueue } = temporal;
  const id = namespaceId === undefined ? '' : ` (${namespaceId})`;
  return `Temporal ${address}, namespace ${namespace}${id}, task queue ${taskQueue}, database ${mongodb.db}`;
}
