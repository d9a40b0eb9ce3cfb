import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, MONGOD, TEMPORAL } from '../../src/server/binaries.js';
import { type Servers, startServers } from '../../src/server/embedded/servers.js';
import { SEARCH_ATTRIBUTES } from '../../src/log/workflow/messages.js';

/** The servers that all test files of this run share. @throws Error when the run has none. */
export const shared = {
  get temporalAddress(): string {
    return required('TEST_TEMPORAL_ADDRESS');
  },
  get mongodbUri(): string {
    return required('TEST_MONGODB_URI');
  },
};

/** A name that no other test file uses, for its database and its task queue. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

export interface PrivateServers {
  readonly dataDir: string;
  readonly temporalAddress: string;
  readonly uiUrl: string;
  readonly mongodbUri: string;
  /** The processes as they are now; a server that died and was started again has another pid. */
  pids(): { readonly temporal: number; readonly mongodb: number };
  /** Stops both and, unless `keepData`, deletes their folder. */
  stop(options?: { readonly keepData?: boolean }): Promise<void>;
}

/**
 * A Temporal and a MongoDB of a test's own, to be killed, stopped and started as it likes, on free ports.
 * @param dataDir a folder to start again on; a new one by default
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

/** The path or name of a program that `npm test` has found or fetched. */
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
