import type { Connection } from '@temporalio/client';
import type { Config } from '../server/config.js';
import type { Http } from './server.js';
import { namespaceIdOf, System, systemOf } from '../server/system.js';

const ASKED_WITHIN_MS = 1_000;

/** `GET /v1/system`: which Temporal, namespace, task queue and database this process works on. Always answers. */
export function registerSystem(app: Http, config: Config, connection: Connection): void {
  app.get(
    '/v1/system',
    {
      schema: {
        summary: 'Which system this process serves',
        description:
          'A client that also talks to Temporal itself, as the client scripts do, compares this with where it sends its commands.',
        tags: ['operations'],
        response: { 200: System },
      },
    },
    async () => {
      const { namespace } = config.temporal;
      const id = await namespaceIdOf(connection, namespace, ASKED_WITHIN_MS).catch(() => undefined);
      return systemOf(config, id);
    },
  );
}
