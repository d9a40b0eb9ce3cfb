import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isObject, readJson, writeJson } from './files.js';
import { withLock } from './lock.js';
import { assertListening, assertPortFree, freePort } from './ports.js';
import { endProcess, isAlive, isProcessId, type ProcessId, processId } from './process.js';

export interface PortSetting {
  /** 0 for any free port */
  readonly wanted: number;
  /** the variable that sets it */
  readonly variable: string;
}

/** What differs between Temporal and MongoDB. */
export interface ServerKind {
  /** the name of its folders and its log file in the data folder */
  readonly name: string;
  readonly title: string;
  /** path of the program */
  readonly binary: string;
  readonly ports: { readonly port: PortSetting; readonly uiPort?: PortSetting };
  /** @throws Error with a one-line message if the server must not be started on that folder */
  assertStartable?(folder: string): void;
  /** Command-line arguments. The server runs in its folder, so paths may be relative to it. */
  args(folder: string, ports: Ports): readonly string[];
  /** One idempotent attempt to make the server usable. @throws Error if it is not ready yet */
  makeReady(ports: Ports): Promise<void>;
}

interface Ports {
  readonly port: number;
  readonly uiPort?: number;
}

function isPorts(content: unknown): content is Ports {
  return (
    isObject(content) &&
    Number.isInteger(content['port']) &&
    (content['uiPort'] === undefined || Number.isInteger(content['uiPort']))
  );
}

interface RunningServer {
  readonly process: ProcessId;
  readonly ports: Ports;
}

function isRunningServer(content: unknown): content is RunningServer {
  return isObject(content) && isProcessId(content['process']) && isPorts(content['ports']);
}

const READY_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 10;
const STOP_GRACE_MS = 3_000;
const LOCK_TIMEOUT_MS = 20_000;
const MAX_LOG_BYTES = 16 * 1024 * 1024;

/**
 * A server that belongs to a data folder, not to the process that started it. The folder records
 * the server's process and ports, and the processes that use it. These records change only under
 * the server's lock.
 */
export class EmbeddedServer {
  private readonly kind: ServerKind;
  private readonly folder: string;
  private readonly log: string;
  private readonly record: string;
  private readonly lock: string;
  private readonly users: string;
  private readonly me: string;
  private readonly report: (line: string) => void;

  /** @param report called with one line if another process has to be waited for */
  constructor(kind: ServerKind, dataDir: string, report: (line: string) => void = () => undefined) {
    const run = join(dataDir, 'run', kind.name);
    this.kind = kind;
    this.report = report;
    this.folder = join(dataDir, kind.name);
    this.log = join(dataDir, 'logs', `${kind.name}.log`);
    this.record = join(run, 'server.json');
    this.lock = join(run, 'lock');
    this.users = join(run, 'users');
    this.me = join(this.users, randomUUID());
    for (const folder of [this.folder, join(dataDir, 'logs'), this.users])
      mkdirSync(folder, { recursive: true });
  }

  get title(): string {
    return this.kind.title;
  }

  get pid(): number {
    return this.running.process.pid;
  }

  get ports(): Ports {
    return this.running.ports;
  }

  isAlive(): boolean {
    const recorded = this.readRecord();
    return recorded !== undefined && isAlive(recorded.process);
  }

  /**
   * Checks that the server can be started. Does nothing if it is running.
   *
   * @throws PortInUseError if a wanted port is in use; Error if the server must not run on its
   *   folder
   */
  async assertStartable(): Promise<void> {
    if (this.isAlive()) return;
    this.kind.assertStartable?.(this.folder);
    const { port, uiPort } = this.kind.ports;
    await assertPortFree('127.0.0.1', port.wanted, port.variable);
    if (uiPort) await assertPortFree('127.0.0.1', uiPort.wanted, uiPort.variable);
  }

  /** Registers this process as a user of the server, and starts the server if it is not running. */
  async join(): Promise<void> {
    await this.locked(async () => {
      writeJson(this.me, processId(process.pid));
      if (this.isAlive()) return;
      const { port, uiPort } = this.kind.ports;
      this.spawn({
        port: port.wanted || (await freePort()),
        ...(uiPort && { uiPort: uiPort.wanted || (await freePort()) }),
      });
    });
  }

  /**
   * If the server has died, starts it again on its data and ports, and returns true. Otherwise
   * returns false.
   */
  async revive(): Promise<boolean> {
    return this.locked(async () => {
      if (this.isAlive()) return false;
      this.spawn(this.ports);
      return true;
    });
  }

  /** Ends this process's use of the server. The last user stops it. */
  async leave(): Promise<void> {
    await this.locked(async () => {
      rmSync(this.me, { force: true });
      if (this.hasUsers()) return;
      if (this.isAlive()) await endProcess(this.running.process, STOP_GRACE_MS);
      rmSync(this.record, { force: true });
    });
  }

  /**
   * Waits until the server is usable, whichever process started it.
   *
   * @throws Error with a one-line message if it died or takes too long; the reason of `abort` if
   *   that came first
   */
  async ready(abort?: AbortSignal): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const { process: server, ports } = this.running;
      try {
        // A plain TCP connect fails immediately, whereas the clients would wait about a second
        // before they retry.
        await assertListening(ports.port);
        return await this.kind.makeReady(ports);
      } catch (error) {
        abort?.throwIfAborted();
        if (!isAlive(server)) {
          throw new Error(`${this.title} stopped: ${this.lastWords()} (more in ${this.log})`, {
            cause: error,
          });
        }
        if (Date.now() > deadline) {
          throw new Error(
            `${this.title} (process ${server.pid}) does not get ready; its log is ${this.log}`,
            { cause: error },
          );
        }
        await setTimeout(LOOK_AGAIN_MS);
      }
    }
  }

  private get running(): RunningServer {
    const recorded = this.readRecord();
    if (recorded === undefined) throw new Error(`${this.title} is not running.`);
    return recorded;
  }

  private readRecord(): RunningServer | undefined {
    return readJson(isRunningServer, this.record);
  }

  private locked<T>(work: () => Promise<T>): Promise<T> {
    return withLock(this.lock, LOCK_TIMEOUT_MS, work, (pid) =>
      this.report(`Waiting for process ${pid}, which starts or stops ${this.title}.`),
    );
  }

  /**
   * Whether a living process uses the server. Removes the records of users that died without
   * leaving.
   */
  private hasUsers(): boolean {
    for (const name of readdirSync(this.users)) {
      const user = readJson(isProcessId, join(this.users, name));
      if (user !== undefined && isAlive(user)) return true;
      rmSync(join(this.users, name), { force: true });
    }
    return false;
  }

  /**
   * Starts the server in a separate process group, so that Ctrl-C in a terminal does not reach it.
   */
  private spawn(ports: Ports): void {
    if ((statSync(this.log, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) {
      renameSync(this.log, `${this.log}.1`);
    }
    const log = openSync(this.log, 'a');
    const args = this.kind.args(this.folder, ports);
    const child = spawn(this.kind.binary, args, {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.unref();
    // The error is reported below: the process id is then missing.
    child.once('error', () => undefined);
    if (child.pid === undefined)
      throw new Error(
        `${this.title} cannot be run: ${this.kind.binary}. If it is in .cache, delete it: the next start fetches it again.`,
      );
    const running: RunningServer = { process: processId(child.pid), ports };
    writeJson(this.record, running);
  }

  private lastWords(): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').at(-1)?.slice(0, 300) ?? '';
  }
}
