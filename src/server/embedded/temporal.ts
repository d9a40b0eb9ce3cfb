import { existsSync, statSync } from 'node:fs';
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

const DATABASE = 'temporal.db';
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
    assertStartable: assertLogIsInside,
    args: (_folder, { port, uiPort }) => [
      'server',
      'start-dev',
      '--ip=127.0.0.1',
      `--port=${port}`,
      `--ui-port=${uiPort}`,
      // Relative to its folder: the server makes a URI of the name as it is, and reads #, % and ? in it.
      `--db-filename=${DATABASE}`,
      '--sqlite-pragma=journal_mode=WAL',
      `--sqlite-pragma=synchronous=${options.fast ? 'NORMAL' : 'FULL'}`,
      `--namespace=${options.namespace}`,
      ...options.searchAttributes.map((name) => `--search-attribute=${name}=Keyword`),
      // Tasks of different issuers take turns, so that a bulk import does not keep the others' orders waiting.
      '--dynamic-config-value=matching.enableFairness=true',
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

/**
 * Versions that gave the server the whole path as a URI wrote the log elsewhere when the path has a #, a % or a ?.
 * @throws Error in one line when such a log is there and none is in the folder: a person says whose it is.
 */
function assertLogIsInside(folder: string): void {
  const inside = join(folder, DATABASE);
  const outside = pathReadFromUri(inside);
  if (outside === inside || existsSync(inside)) return;
  if (!statSync(outside, { throwIfNoEntry: false })?.isFile()) return;
  throw new Error(
    `The event log of ${folder} may be ${outside}, where an earlier version wrote it: move that file, with its ` +
      `-wal and -shm if they are there, to ${inside}, or elsewhere if it is not yours.`,
  );
}

/** The path that SQLite takes from `file:` and a path that was not encoded. */
function pathReadFromUri(path: string): string {
  const [read = ''] = path.split(/[#?]/);
  return read.replaceAll(/%[\da-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}
