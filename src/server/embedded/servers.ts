import { chmodSync, statSync } from 'node:fs';
import { type BackOff, backOffMs } from '../../concurrency/back-off.js';
import { pause } from '../../concurrency/pause.js';
import { embeddedMongodbUri } from '../config/servers.js';
import { messageOf } from '../../outages/message-of.js';
import { createFolder, isObject } from './files.js';
import { type MongodbOptions, mongodbServer } from './mongodb.js';
import { EmbeddedServer, type ServerKind } from './server.js';
import { type TemporalOptions, temporalServer } from './temporal.js';

export interface ServersOptions {
  /** absolute path of the folder with the servers' data, logs, records and users */
  readonly dataDir: string;
  readonly temporal?: TemporalOptions;
  readonly mongodb?: MongodbOptions;
  /**
   * called with one line for each crash, restart and failed restart, and when another process has
   * to be waited for
   */
  readonly report?: (line: string) => void;
}

/** The embedded servers that this process uses. */
export interface Servers {
  readonly temporal?: { readonly address: string; readonly uiUrl: string; readonly pid: () => number };
  readonly mongodb?: { readonly uri: string; readonly pid: () => number };
  /**
   * Resolves when all servers are usable.
   *
   * @throws Error with a one-line message if one died or takes too long; the reason of `abort` if
   *   that came first. In both cases this process leaves them.
   */
  ready(abort?: AbortSignal): Promise<void>;
  /** Leaves the servers; the last user stops them, Temporal first. May be called again. */
  stop(): Promise<void>;
}

const LOOK_BACK_OFF: BackOff = { firstRetryMs: 1_000, maxRetryMs: 10_000 };

/**
 * Starts the servers of a data folder, or joins those that are running, on their current ports.
 * Does not wait until they are ready. Once they are ready, each process that uses them watches them
 * until it leaves. It restarts a server that died, on the server's data and ports. It leaves a
 * stopped server (SIGSTOP) alone.
 *
 * @throws PortInUseError before any server starts; Error with a one-line message if one cannot be
 *   started, or the folder cannot be used
 */
export async function startServers(options: ServersOptions): Promise<Servers> {
  try {
    return await joinServers(options);
  } catch (error) {
    throw isFileError(error) ? unusableFolder(options.dataDir, error) : error;
  }
}

/** True for an error of the file system, such as a write to a read-only folder. */
function isFileError(error: unknown): boolean {
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
  makePrivate(dataDir);
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

/**
 * Creates the folder for its owner only. If this user owns an existing folder, all other users lose
 * their rights to it.
 */
function makePrivate(dataDir: string): void {
  createFolder(dataDir);
  const { mode, uid } = statSync(dataDir);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(dataDir, 0o700);
}

async function watch(
  server: EmbeddedServer,
  report: (line: string) => void,
  leaving: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!leaving.aborted) {
    await pause(backOffMs(failures + 1, LOOK_BACK_OFF), leaving);
    try {
      if (leaving.aborted || server.isAlive()) continue;
      report(`${server.title} is gone; starting it again on its data.`);
      await server.revive();
      await server.ready(leaving);
      report(`${server.title} is back (process ${server.pid}).`);
      failures = 0;
    } catch (error) {
      if (leaving.aborted) return;
      failures += 1;
      report(`${messageOf(error)}; trying again in ${backOffMs(failures + 1, LOOK_BACK_OFF) / 1_000} s.`);
    }
  }
}
