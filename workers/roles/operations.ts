import { Client } from '@temporalio/client';
import { listenForOperations } from '../../src/api/edge/ports.js';
import { registerHealth } from '../../src/api/operations/routes-health.js';
import { registerMetrics } from '../../src/api/operations/routes-metrics.js';
import { exposureGauges } from '../../src/api/queries/gauges/order-gauges.js';
import { createApp, exposureOf } from './app.js';
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
