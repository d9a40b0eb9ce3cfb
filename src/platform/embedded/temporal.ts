import { join } from 'node:path';
import type * as client from '@temporalio/client';
import type { ServerKind } from './server.js';

export interface TemporalOptions {
  /** Path of the Temporal CLI. */
  readonly binary: string;
  /** 0: any free port. */
  readonly port: number;
  readonly uiPort: number;
  readonly namespace: string;
  /** Names of the search attributes to register, as keywords. */
  readonly searchAttributes: readonly string[];
  /** For tests: what was acknowledged survives the death of the process, but not a power cut. */
  readonly fast?: boolean;
  /** Further arguments of `temporal server start-dev`. */
  readonly args?: readonly string[];
}

/** Loaded while the server starts, not before. */
let sdk: Promise<typeof client> | undefined;

/** Temporal's development server on a database file. */
export function temporalServer(options: TemporalOptions): ServerKind {
  return {
    name: 'temporal',
    title: 'Temporal',
    binary: options.binary,
    ports: {
      port: { wanted: options.port, variable: 'TEMPORAL_PORT' },
      uiPort: { wanted: options.uiPort, variable: 'TEMPORAL_UI_PORT' },
    },
    args: (folder, { port, uiPort }) => [
      'server',
      'start-dev',
      '--ip=127.0.0.1',
      `--port=${port}`,
      `--ui-port=${uiPort}`,
      `--db-filename=${join(folder, 'temporal.db')}`,
      '--sqlite-pragma=journal_mode=WAL',
      `--sqlite-pragma=synchronous=${options.fast ? 'NORMAL' : 'FULL'}`,
      `--namespace=${options.namespace}`,
      ...options.searchAttributes.map((name) => `--search-attribute=${name}=Keyword`),
      '--ui-disable-news-fetch',
      '--log-level=warn',
      ...(options.args ?? []),
    ],
    async makeReady({ port }) {
      const { Connection } = await (sdk ??= import('@temporalio/client'));
      const connection = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: 1_000 });
      try {
        await connection.withDeadline(Date.now() + 2_000, () =>
          connection.workflowService.describeNamespace({ namespace: options.namespace }),
        );
      } finally {
        await connection.close();
      }
    },
  };
}
