import type { Connection } from '@temporalio/client';
import type { Config } from '../server/config.js';
import type { Http } from './server.js';
import { namespaceIdOf, System, systemOf } from '../server/system.js';

const TIMEOUT_MS = 1_000;

/**
 * `GET /v1/system`: which Temporal, namespace, task queue and database this process works with.
 * Answers even if they are away.
 */
export function registerSystem(app: Http, config: Config, connection: Connection): void {
  app.get(
    '/v1/system',
    {
      config: { access: 'ops', onBothPorts: true },
      schema: {
        summary: 'Which system this process serves',
        description:
          'Clients that also connect to Temporal, such as the client scripts, check that it is the same system.',
        tags: ['operations'],
        response: { 200: System },
      },
    },
    async () => {
      const { namespace } = config.temporal;
      const id = await namespaceIdOf(connection, namespace, TIMEOUT_MS).catch(() => undefined);
      return systemOf(config, id);
    },
  );
}
