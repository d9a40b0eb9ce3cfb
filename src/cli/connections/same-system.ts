import type { System } from '../../api/operations/system.js';
import { exitCodes, Failure } from '../script/failure.js';
import type { Api } from './api.js';

/** How long the API may take to say which system it serves. */
const SYSTEM_WITHIN_MS = 2_000;

/**
 * Checks that commands and queries go to one system. Checks nothing if the API does not answer.
 *
 * @param sentTo the system that commands go to
 * @throws Failure `other_system` if the API serves another one
 */
export async function checkSameSystem(api: Api, sentTo: System): Promise<void> {
  const [{ Compile }, { isSameSystem, System: schema }] = await Promise.all([
    import('typebox/compile'),
    import('../../api/operations/system.js'),
  ]);
  let served: unknown;
  try {
    served = await api.get('/v1/system', {}, AbortSignal.timeout(SYSTEM_WITHIN_MS));
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

/** The variables that say which Temporal and MongoDB a script works on. */
export const SYSTEM_VARIABLES =
  'TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TASK_QUEUE, MONGODB_URI, MONGODB_DB and KEYS_MONGODB_URI';

const REMEDY = `set ${SYSTEM_VARIABLES} as the API has them, or give the address of the right API with --url (ORDERS_URL)`;

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
