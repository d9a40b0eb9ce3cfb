import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type * as client from '@temporalio/client';
import type { SearchAttributes } from '../search-attributes.js';
import type { ServerKind } from './server.js';

export interface TemporalOptions {
  /** path of the Temporal CLI */
  readonly binary: string;
  /** 0 for any free port */
  readonly port: number;
  readonly uiPort: number;
  readonly namespace: string;
  /** search attributes that the server registers */
  readonly searchAttributes: SearchAttributes;
  /** for tests: acknowledged writes survive a crash of the process, but not a power cut */
  readonly fast?: boolean;
  /** further arguments of `temporal server start-dev` */
  readonly args?: readonly string[];
}

const DATABASE = 'temporal.db';
const ANSWER_WITHIN_MS = 2_000;
/** Loaded when it is first needed, because the servers start before any package is loaded. */
let sdk: Promise<typeof client> | undefined;

/** Temporal's development server with a database file. */
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
      // Relative to the server's folder: the server puts the name into a URI unescaped, so #, % and
      // ? in a path would be misread.
      `--db-filename=${DATABASE}`,
      '--sqlite-pragma=journal_mode=WAL',
      `--sqlite-pragma=synchronous=${options.fast ? 'NORMAL' : 'FULL'}`,
      `--namespace=${options.namespace}`,
      ...Object.entries(options.searchAttributes).map(([name, type]) => `--search-attribute=${name}=${type}`),
      // Task queues are fair by issuer, so a bulk import does not delay other issuers' orders.
      '--dynamic-config-value=matching.enableFairness=true',
      // By default the server polls these queues 20 times a second, so each step of a single order
      // would wait up to 50 ms.
      '--dynamic-config-value=history.transferProcessorMaxPollRPS=1000',
      '--dynamic-config-value=history.timerProcessorMaxPollRPS=1000',
      '--ui-disable-news-fetch',
      '--log-level=warn',
      ...(options.args ?? []),
    ],
    async makeReady({ port }) {
      const { Connection } = await (sdk ??= import('@temporalio/client'));
      const connection = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: 1_000 });
      try {
        await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, () =>
          connection.workflowService.describeNamespace({ namespace: options.namespace }),
        );
      } finally {
        await connection.close();
      }
    },
  };
}

/**
 * Earlier versions passed the whole path to the server, which stored the event log elsewhere if the
 * path contained #, % or ?.
 *
 * @throws Error with a one-line message if there may be such a log and none in the folder: an
 *   operator has to decide whether to move it
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

/** The path that SQLite reads from `file:` followed by an unescaped path. */
function pathReadFromUri(path: string): string {
  const [read = ''] = path.split(/[#?]/);
  return read.replaceAll(/%[\da-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}
