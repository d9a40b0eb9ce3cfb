import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, MONGOD, TEMPORAL } from '../../src/server/embedded/binaries.js';
import { type Servers, startServers } from '../../src/server/embedded/servers.js';
import { SEARCH_ATTRIBUTES } from '../../src/server/search-attributes.js';

/** The servers that all test files of this run share. @throws Error if the run has none */
export const shared = {
  get temporalAddress(): string {
    return required('TEST_TEMPORAL_ADDRESS');
  },
  get mongodbUri(): string {
    return required('TEST_MONGODB_URI');
  },
  /** the folder of Temporal's database */
  get temporalData(): string {
    return required('TEST_TEMPORAL_DATA');
  },
};

/** The bundle of workflows that `npm test` has built. */
export const workflowBundle = { codePath: join(process.cwd(), 'dist', 'workflow-bundle.js') };

/** A unique name for a test file's database and task queue. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

export interface PrivateServers {
  readonly dataDir: string;
  readonly temporalAddress: string;
  readonly uiUrl: string;
  readonly mongodbUri: string;
  /** The current process ids; a server that died and was restarted has another one. */
  pids(): { readonly temporal: number; readonly mongodb: number };
  /** Stops both and, unless `keepData`, deletes their folder. */
  stop(options?: { readonly keepData?: boolean }): Promise<void>;
}

/**
 * Starts a Temporal and a MongoDB for one test, on free ports. The test may kill, stop and restart
 * them.
 *
 * @param dataDir a folder with data of an earlier start; by default, a new folder
 */
export async function startPrivateServers(dataDir?: string): Promise<PrivateServers> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'orders-test-')));
  const servers = await startServers({
    dataDir: folder,
    temporal: {
      binary: await program(TEMPORAL),
      port: 0,
      uiPort: 0,
      namespace: 'default',
      searchAttributes: SEARCH_ATTRIBUTES,
      fast: true,
    },
    mongodb: { binary: await program(MONGOD), port: 0 },
  });
  await servers.ready();
  const { temporal, mongodb } = both(servers);
  return {
    dataDir: folder,
    temporalAddress: temporal.address,
    uiUrl: temporal.uiUrl,
    mongodbUri: mongodb.uri,
    pids: () => ({ temporal: temporal.pid(), mongodb: mongodb.pid() }),
    async stop({ keepData = false } = {}) {
      await servers.stop();
      if (!keepData) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The path or name of a program that `npm test` has found or downloaded. */
export async function program(which: typeof TEMPORAL): Promise<string> {
  return findProgram(which, join(process.cwd(), '.cache'), () => undefined);
}

function both({ temporal, mongodb }: Servers): Required<Pick<Servers, 'temporal' | 'mongodb'>> {
  if (!temporal || !mongodb) throw new Error('Both servers were asked for.');
  return { temporal, mongodb };
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run \`npm test\`, without NO_SERVERS.`);
  return value;
}
