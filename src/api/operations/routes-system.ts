import type { Connection } from '@temporalio/client';
import type { KeyStore } from '../../sealing/key-store/key-store.js';
import type { Config } from '../../server/config.js';
import type { Http } from '../http.js';
import { keyStoreIdOf, namespaceIdOf, System, systemOf } from './system.js';

const TIMEOUT_MS = 1_000;

/**
 * Serves `GET /v1/system`: which Temporal, namespace, task queue, database and key store this
 * process works with. It answers even if they are unavailable.
 */
export function registerSystem(app: Http, config: Config, connection: Connection, keyStore: KeyStore): void {
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
      const [namespaceId, keyStoreId] = await Promise.all([
        namespaceIdOf(connection, namespace, TIMEOUT_MS).catch(() => undefined),
        keyStoreIdOf(keyStore, TIMEOUT_MS),
      ]);
      return systemOf(config, { namespaceId, keyStoreId });
    },
  );
}
