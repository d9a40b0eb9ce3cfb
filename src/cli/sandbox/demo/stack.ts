import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { embeddedMongodbUri } from '../../../server/config/servers.js';
import { mongodbServer } from '../../../server/embedded/mongodb.js';
import { EmbeddedServer } from '../../../server/embedded/server.js';
import { temporalServer } from '../../../server/embedded/temporal.js';
import { exitCodes, Failure } from '../../script/failure.js';

/** A separate system: Temporal, MongoDB, an API and a worker, with all its data in one folder. */
export interface Stack {
  /** `http://host:port` */
  readonly api: string;
  /** the list of workflows in the Temporal Web UI */
  readonly temporalUi: string;
  /** the variables with which scripts connect to it */
  readonly env: Readonly<Record<string, string>>;
  readonly worker: Worker;
  readonly mongodb: Pausable;
}

export interface Worker {
  /** process id of the current or last worker */
  pid(): number;
  /** Kills the worker (SIGKILL), as suddenly as a power cut, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts another worker, and resolves when it is ready. */
  start(): Promise<void>;
  /** how many workers were killed */
  killed(): number;
}

export interface Pausable {
  /** Suspends the process (SIGSTOP), so that it answers nothing. */
  pause(): void;
  resume(): void;
  /** how long it has been suspended, in total */
  pausedMs(): number;
}

const MAIN = fileURLToPath(new URL('../../../../workers/main.js', import.meta.url));
/**
 * The caller's variables that the programs and their download need. None of them configures the
 * system.
 */
const INHERITED = /^(PATH|HOME|TMPDIR|LANG|PIP_\w+|SSL_CERT_\w+|\w*proxy)$/i;
/** The text that a process prints when it is ready (`workers/welcome.ts`), complete. */
export const READY = /Ready in [^]*\n\n$/;
/** How long a process may take to be ready, a download of the servers included. */
const READY_WITHIN_MS = 600_000;
const STOP_WITHIN_MS = 20_000;

/**
 * A system that has a folder, but may not be started yet. It can be ended at any time, even during
 * its start.
 */
export interface TemporarySystem {
  readonly folder: string;
  /** @param note called with what is being done */
  readonly start: (note: (text: string) => void) => Promise<Stack>;
  /** Stops every process, the servers last, and removes the folder unless it is to be kept. */
  end(options?: { readonly keep?: boolean }): Promise<void>;
}

/** Makes the folder of a temporary system. Nothing is started yet. */
export async function newTemporarySystem(): Promise<TemporarySystem> {
  const folder = await mkdtemp(join(tmpdir(), 'orders-demo-'));
  const running = new Set<ChildProcess>();
  let mongodb: ReturnType<typeof pausable> | undefined;
  let isEnded = false;

  const startOne = async (roles: string, note: (text: string) => void = () => {}) => {
    if (isEnded) throw failed('the system has ended');
    return await startProcess({ roles, folder, running, note });
  };

  return {
    folder,
    async start(note) {
      const [server, first] = await Promise.all([startOne('write,read,feed', note), startOne('worker')]);
      mongodb = pausable(folder);
      return {
        api: addressIn(server.printed, 'API'),
        temporalUi: addressIn(server.printed, 'Temporal Web UI'),
        env: {
          DATA_DIR: folder,
          ORDERS_URL: addressIn(server.printed, 'API'),
          TEMPORAL_ADDRESS: `127.0.0.1:${temporalIn(folder).ports.port}`,
          MONGODB_URI: embeddedMongodbUri(mongodb.port),
        },
        mongodb,
        worker: workerOf(first.child, async () => (await startOne('worker')).child),
      };
    },
    async end({ keep = false } = {}) {
      isEnded = true;
      mongodb?.resume();
      await Promise.all([...running].map(stop));
      if (!keep) await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Starting {
  readonly roles: string;
  readonly folder: string;
  /** the process is in this set until it ends */
  readonly running: Set<ChildProcess>;
  /** called with each stage that the process prints */
  readonly note: (text: string) => void;
}

/**
 * Starts a process of the system. When the process is ready, resolves with what it has printed.
 *
 * @throws Failure if the process ends before it is ready, or takes too long
 */
async function startProcess({ roles, folder, running, note }: Starting) {
  const inherited = Object.entries(process.env).filter(([name]) => INHERITED.test(name));
  const ports = ['HTTP_PORT', 'TEMPORAL_PORT', 'TEMPORAL_UI_PORT', 'MONGODB_PORT'];
  const child = spawn(process.execPath, [MAIN], {
    // The process is in a separate group, so Ctrl-C reaches only this script, which stops all
    // processes itself.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries([...inherited, ...ports.map((name) => [name, '0'])]),
      ROLES: roles,
      DATA_DIR: folder,
      LOG_LEVEL: 'error',
    },
  });
  running.add(child);
  const gone = once(child, 'close').then(() => running.delete(child));
  let printed = '';
  let isReady = false;
  await Promise.race([
    gone,
    new Promise<void>((resolve) => {
      setTimeout(resolve, READY_WITHIN_MS).unref();
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          printed += text;
          for (const [, stage = ''] of text.matchAll(/^… (.+)$/gm)) note(stage);
          isReady ||= READY.test(printed);
          if (isReady) resolve();
        });
    }),
  ]);
  const last = printed.trim().split('\n').at(-1);
  if (!running.has(child)) throw failed(`a process of the demo (ROLES=${roles}) ended: ${last}`);
  if (!isReady) throw failed(`a process of the demo (ROLES=${roles}) is not ready after 10 minutes: ${last}`);
  return { child, printed };
}

function failed(message: string): Failure {
  return new Failure(exitCodes.unexpected, { code: 'demo_failed', message });
}

function workerOf(first: ChildProcess, startOne: () => Promise<ChildProcess>): Worker {
  let child = first;
  let killed = 0;
  return {
    pid: () => child.pid ?? 0,
    async kill() {
      const gone = once(child, 'close');
      child.kill('SIGKILL');
      await gone;
      if (child.signalCode === 'SIGKILL') killed += 1;
    },
    async start() {
      child = await startOne();
    },
    killed: () => killed,
  };
}

/** The running Temporal server of the folder. */
function temporalIn(folder: string): EmbeddedServer {
  const none = { binary: '', port: 0, uiPort: 0, namespace: '', searchAttributes: {} };
  return new EmbeddedServer(temporalServer(none), folder);
}

/** The running MongoDB server of the folder. */
function pausable(folder: string): Pausable & { readonly port: number } {
  const server = new EmbeddedServer(mongodbServer({ binary: '', port: 0 }), folder);
  let since: number | undefined;
  let total = 0;
  return {
    port: server.ports.port,
    pause() {
      process.kill(server.pid, 'SIGSTOP');
      since ??= Date.now();
    },
    resume() {
      if (since === undefined) return;
      process.kill(server.pid, 'SIGCONT');
      total += Date.now() - since;
      since = undefined;
    },
    pausedMs: () => total,
  };
}

/** Stops a process with SIGTERM, and kills it if that takes too long. */
async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await gone;
  clearTimeout(timer);
}

/**
 * An address in the text that a process prints when it is ready.
 *
 * @throws Failure if the text has no such address
 */
export function addressIn(printed: string, name: string): string {
  const [, address] = new RegExp(`${name} +(http\\S+)`).exec(printed) ?? [];
  if (address === undefined) throw failed(`the demo's system printed no address of its ${name}`);
  return address;
}
