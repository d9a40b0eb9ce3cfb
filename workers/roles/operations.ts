import { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { type Authenticate, createAuthenticate } from '../../src/access/authenticate.js';
import { createKnownKeys } from '../../src/access/known-keys.js';
import type { Edge } from '../../src/api/edge/edge.js';
import { listenForOperations } from '../../src/api/edge/ports.js';
import type { Http } from '../../src/api/http.js';
import { registerHealth } from '../../src/api/operations/routes-health.js';
import { registerMetrics } from '../../src/api/operations/routes-metrics.js';
import { type ExposureDeps, undecidedOrders } from '../../src/api/queries/gauges/exposure.js';
import { exposureGauges } from '../../src/api/queries/gauges/order-gauges.js';
import { createHttp, type HttpOptions } from '../../src/api/server.js';
import type { Config } from '../../src/server/config.js';
import { dependencies } from './readiness.js';
import type { RoleContext, RunningRole } from './role.js';

export interface RunningOperations extends RunningRole {
  /** `http://host:port` */
  readonly address: string;
}

/**
 * Serves the metrics and the health of a process without an API, on the port of operations. They
 * require the same scopes as in the API.
 */
export async function startOperations(context: RoleContext, port: number): Promise<RunningOperations> {
  const { config, temporal: connection, mongo } = context;
  const client = new Client({ connection, namespace: config.temporal.namespace });
  const exposure = exposureOf(context);
  const app = await createApp(context);
  registerMetrics(app, [exposureGauges(exposure)]);
  registerHealth(app, [], dependencies({ client, config, db: mongo.db, exposure }));
  await app.ready();
  const operations = await listenForOperations(app, { host: config.http.host, port });
  return {
    address: operations.address,
    async stop() {
      await Promise.all([app.close(), operations.close()]);
    },
  };
}

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
