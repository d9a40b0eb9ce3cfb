import { setTimeout } from 'node:timers/promises';
import { embeddedMongodbUri } from '../config.js';
import { messageOf } from '../../outages/message-of.js';
import { isObject } from './files.js';
import { type MongodbOptions, mongodbServer } from './mongodb.js';
import { EmbeddedServer, type ServerKind } from './server.js';
import { type TemporalOptions, temporalServer } from './temporal.js';

export interface ServersOptions {
  /** Absolute path of the folder that the servers belong to: their data, logs, records and users. */
  readonly dataDir: string;
  readonly temporal?: TemporalOptions;
  readonly mongodb?: MongodbOptions;
  /** Told, in one line, of each death and restart. */
  readonly report?: (line: string) => void;
}

/** The embedded servers, as one of their users sees them. */
export interface Servers {
  readonly temporal?: { readonly address: string; readonly uiUrl: string; readonly pid: () => number };
  readonly mongodb?: { readonly uri: string; readonly pid: () => number };
  /**
   * Resolves when all of them can be used.
   * @throws Error, in one line, when one died or takes too long; the reason of `abort` when that came first. They are
   *   left then.
   */
  ready(abort?: AbortSignal): Promise<void>;
  /** Leaves them; the last user stops them, Temporal first. May be called again. */
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 500;
const LONGEST_BACK_OFF_MS = 10_000;

/**
 * Starts the servers of a data folder, or becomes a user of those that run there already, on the ports they have, and
 * does not wait until they are ready. From when they are, until it leaves, each user watches them: a dead one is
 * started again on its data and ports. One that is merely stopped (SIGSTOP) is left alone.
 * @throws PortInUseError before any server starts; Error in one line when one cannot be started, or when the folder cannot
 *   be used.
 */
export async function startServers(options: ServersOptions): Promise<Servers> {
  try {
    return await joinServers(options);
  } catch (error) {
    throw isOfFiles(error) ? unusableFolder(options.dataDir, error) : error;
  }
}

/** Whether the file system refused something, such as a write to a folder that is read-only. */
function isOfFiles(error: unknown): boolean {
  return isObject(error) && 'syscall' in error && 'path' in error;
}

function unusableFolder(dataDir: string, cause: unknown): Error {
  return new Error(
    `DATA_DIR=${dataDir} cannot be used (${messageOf(cause)}): make it writable for this user, or set another one.`,
    { cause },
  );
}

async function joinServers(options: ServersOptions): Promise<Servers> {
  const { dataDir, report = () => undefined } = options;
  const embedded = (kind: ServerKind) => new EmbeddedServer(kind, dataDir, report);
  const temporal = options.temporal && embedded(temporalServer(options.temporal));
  const mongodb = options.mongodb && embedded(mongodbServer(options.mongodb));
  const servers = [temporal, mongodb].filter((server) => server !== undefined);

  for (const server of servers) await server.assertStartable();
  const leaving = new AbortController();
  let watches: Promise<void>[] = [];
  const stop = async (): Promise<void> => {
    leaving.abort();
    await Promise.all(watches);
    for (const server of servers) await server.leave();
  };
  const orStop = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      await stop();
      throw error;
    }
  };

  await orStop(async () => {
    for (const server of servers) await server.join();
  });
  return {
    ...(temporal && {
      temporal: {
        address: `127.0.0.1:${temporal.ports.port}`,
        uiUrl: `http://127.0.0.1:${temporal.ports.uiPort}`,
        pid: () => temporal.pid,
      },
    }),
    ...(mongodb && { mongodb: { uri: embeddedMongodbUri(mongodb.ports.port), pid: () => mongodb.pid } }),
    async ready(abort) {
      await orStop(() => Promise.all(servers.map((server) => server.ready(abort))));
      if (!leaving.signal.aborted) watches = servers.map((server) => watch(server, report, leaving.signal));
    },
    stop,
  };
}

async function watch(
  server: EmbeddedServer,
  report: (line: string) => void,
  leaving: AbortSignal,
): Promise<void> {
  let pauseMs = LOOK_EVERY_MS;
  while (!leaving.aborted) {
    await setTimeout(pauseMs, undefined, { signal: leaving }).catch(() => undefined);
    if (leaving.aborted || server.isAlive()) continue;
    report(`${server.title} is gone; starting it again on its data.`);
    try {
      await server.revive();
      await server.ready(leaving);
      report(`${server.title} is back (process ${server.pid}).`);
      pauseMs = LOOK_EVERY_MS;
    } catch (error) {
      if (leaving.aborted) return;
      pauseMs = Math.min(pauseMs * 2, LONGEST_BACK_OFF_MS);
      report(`${messageOf(error)}; trying again in ${pauseMs / 1_000} s.`);
    }
  }
}
