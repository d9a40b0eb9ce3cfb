import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { embeddedMongodbUri } from '../../src/server/config/servers.js';
import { MONGOD, TEMPORAL } from '../../src/server/embedded/binaries.js';
import { mongodbServer } from '../../src/server/embedded/mongodb.js';
import { EmbeddedServer } from '../../src/server/embedded/server.js';
import { temporalServer } from '../../src/server/embedded/temporal.js';
import { SEARCH_ATTRIBUTES } from '../../src/server/search-attributes.js';
import { program } from './servers.js';
import { until } from './until.js';

/** A server that a test has for itself. It is not restarted when it dies. */
export interface BreakableServer {
  /** a value for `TEMPORAL_ADDRESS` or `MONGODB_URI`; the same after `revive` */
  readonly address: string;
  /** Suspends the process until `thaw`. Its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** the folder of its data */
  readonly folder: string;
  /** Kills it (SIGKILL). */
  kill(): Promise<void>;
  /** Asks it to end (SIGTERM), and waits until it has. */
  stop(): Promise<void>;
  /** Restarts it on its data, and waits until it is ready. */
  revive(): Promise<void>;
  /** Ends it and deletes its data. */
  end(): Promise<void>;
}

export async function breakableMongodb(): Promise<BreakableServer> {
  const kind = mongodbServer({ binary: await program(MONGOD), port: 0 });
  return await start(kind, embeddedMongodbUri);
}

/** @param args further arguments of the Temporal server */
export async function breakableTemporal(args: readonly string[] = []): Promise<BreakableServer> {
  const kind = temporalServer({
    binary: await program(TEMPORAL),
    port: 0,
    uiPort: 0,
    namespace: 'default',
    searchAttributes: SEARCH_ATTRIBUTES,
    fast: true,
    args,
  });
  return await start(kind, (port) => `127.0.0.1:${port}`);
}

async function start(
  kind: ConstructorParameters<typeof EmbeddedServer>[0],
  addressAt: (port: number) => string,
): Promise<BreakableServer> {
  const folder = await mkdtemp(join(tmpdir(), 'orders-faults-'));
  const server = new EmbeddedServer(kind, folder);
  const end = async () => {
    await server.leave();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await server.join();
    await server.ready();
  } catch (error) {
    await end();
    throw error;
  }
  const endBy = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    process.kill(server.pid, signal);
    await until(async () => {
      if (server.isAlive()) throw new Error(`${server.title} is still alive.`);
    });
  };
  return {
    address: addressAt(server.ports.port),
    folder: join(folder, kind.name),
    freeze: () => void process.kill(server.pid, 'SIGSTOP'),
    thaw: () => void process.kill(server.pid, 'SIGCONT'),
    kill: () => endBy('SIGKILL'),
    stop: () => endBy('SIGTERM'),
    async revive() {
      await server.revive();
      await server.ready();
    },
    end,
  };
}
