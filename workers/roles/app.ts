/* The base of the API, which the roles with an API and the operations of the other roles share. */
import type { Db } from 'mongodb';
import { type Authenticate, createAuthenticate } from '../../src/access/authenticate.js';
import { createKnownKeys } from '../../src/access/known-keys.js';
import type { Edge } from '../../src/api/edge/edge.js';
import type { Http } from '../../src/api/http.js';
import { type ExposureDeps, undecidedOrders } from '../../src/api/queries/gauges/exposure.js';
import { createHttp, type HttpOptions } from '../../src/api/server.js';
import type { Config } from '../../src/server/config.js';
import type { RoleContext } from './role.js';

/** An application without routes. It admits the callers that the configuration allows. */
export async function createApp(
  { config, mongo, logger }: RoleContext,
  limits: HttpOptions = {},
): Promise<Http> {
  const authenticate = await authenticateBy(config, mongo.db);
  return await createHttp(logger, {
    ...limits,
    edge: edgeOf(config),
    isSplit: hasOwnPortForOperations(config),
    ...(authenticate && { authenticate }),
  });
}

export function hasOwnPortForOperations({ http }: Config): boolean {
  return http.opsPort !== undefined;
}

export function exposureOf({ config, temporal: connection, mongo, stepMetrics }: RoleContext): ExposureDeps {
  const { namespace, taskQueue } = config.temporal;
  return { db: mongo.db, stepMetrics, undecided: () => undecidedOrders(connection, namespace, taskQueue) };
}

/**
 * The requests that the API accepts. `HTTP_HOST` is added to the host names, because it may be one.
 */
function edgeOf({ http, edge }: Config): Edge {
  return { ...edge, hosts: [http.host.toLowerCase(), ...edge.hosts] };
}

/** How callers are authenticated; undefined with AUTH=off. */
async function authenticateBy({ auth }: Config, db: Db): Promise<Authenticate | undefined> {
  if (!auth.isOn) return undefined;
  const keys = createKnownKeys(db);
  if (auth.tokens === undefined) return createAuthenticate(keys);
  const { createTokens } = await import('../../src/access/tokens.js');
  return createAuthenticate(keys, createTokens(auth.tokens));
}
