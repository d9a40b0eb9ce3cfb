import { sendsWithKey } from '../script/api-key.js';
import { type CommandGateway, type CommonOptions, configOf, type Session } from '../script/script.js';
import type { Api } from './api.js';
import { apiOf } from './api-address.js';
import { httpGateway } from './http-gateway.js';
import { checkSameSystem } from './same-system.js';

/** What a script needs to send a command and to read its result. */
interface Opened {
  /** the API of the same system, for queries */
  readonly api: Api;
  readonly gateway: CommandGateway;
  readonly close: () => Promise<void>;
}

/**
 * Opens the gateway that commands go through: with a key the one to the API, otherwise the one to
 * Temporal, after a check that the API serves the same system. If the API does not answer, commands
 * can still be sent.
 *
 * @throws Failure before anything is sent: `other_system` if the API serves another system, or
 *   `temporal_unreachable`
 */
export async function openGateway(session: Session, options: CommonOptions): Promise<Opened> {
  const api = apiOf(session, options);
  if (sendsWithKey(session, options)) return { api, gateway: httpGateway(api), close: async () => {} };
  const { gateway, system, close } = await session.openTemporalGateway(configOf(session));
  try {
    await checkSameSystem(api, system);
  } catch (error) {
    await close();
    throw error;
  }
  return { api, gateway, close };
}

/**
 * Checks that the API and this script's Temporal and MongoDB belong to one system. With a key, it
 * checks nothing.
 *
 * @throws Failure as `openGateway`
 */
export async function refuseOtherSystem(session: Session, options: CommonOptions): Promise<void> {
  const { close } = await openGateway(session, options);
  await close();
}
