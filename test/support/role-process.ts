import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { assertNoPersons, personsIn } from './persons.js';

/** A process of this project, started from the build as a user starts it. */
export interface RoleProcess {
  /** `http://host:port`; empty if it serves no HTTP */
  readonly address: string;
  /** the address of operations at `OPS_PORT`; empty without one */
  readonly operations: string;
  /** the URL of its liveness check at `HEALTH_PORT`; empty without one */
  readonly health: string;
  readonly pid: number;
  isRunning(): boolean;
  /** Suspends the process until `thaw`. Its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Kills it (SIGKILL). */
  kill(): Promise<void>;
  /** Asks it to end (SIGTERM), and kills it if it does not end in time. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 110_000;
const STOP_WITHIN_MS = 15_000;

/**
 * Starts a process and waits until it reports that it is ready.
 *
 * @param env its variables; only `PATH` is inherited
 */
export async function startRoleProcess(env: Readonly<Record<string, string>>): Promise<RoleProcess> {
  const child = spawn(process.execPath, [join(process.cwd(), 'dist', 'workers', 'main.js')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'warn', HTTP_PORT: '0', ...env },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  let output = '';
  /** Lines with personal values that this test has sent. */
  const withPersons: string[] = [];
  const check = () => assertNoPersons('the output of a process', withPersons.join('\n'));
  const welcomed = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-10_000);
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        withPersons.push(...lines.filter((line) => !isExample(line) && personsIn(line).length > 0));
        if (output.includes('\nReady in ')) resolve();
      });
    }
  });
  await withTimeout(Promise.race([welcomed, gone]), READY_WITHIN_MS);
  if (!output.includes('\nReady in ')) {
    await kill();
    throw new Error(`The process did not get ready:\n${output}`);
  }
  return {
    address: /API +(http:\S+)/.exec(output)?.[1] ?? '',
    operations: /Operations +(http:\S+)/.exec(output)?.[1] ?? '',
    health: /Health +(http:\S+)/.exec(output)?.[1] ?? '',
    pid: child.pid ?? 0,
    isRunning,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async kill() {
      await kill();
      check();
    },
    async stop() {
      child.kill('SIGTERM');
      child.kill('SIGCONT');
      await withTimeout(gone, STOP_WITHIN_MS);
      if (isRunning()) await kill();
      check();
    },
  };
}

/** The welcome text shows how to create an order, with example values. */
function isExample(line: string): boolean {
  return line.trimStart().startsWith('curl ');
}

async function withTimeout(work: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
