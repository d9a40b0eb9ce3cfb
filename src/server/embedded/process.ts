import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { isObject } from './files.js';

const KILLED_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 25;

/** Identifies a process: pids are reused, but not together with a start time. */
export interface ProcessId {
  readonly pid: number;
  readonly born: string;
}

export function isProcessId(content: unknown): content is ProcessId {
  return isObject(content) && Number.isInteger(content['pid']) && typeof content['born'] === 'string';
}

/** @throws Error if there is no such process */
export function processId(pid: number): ProcessId {
  const born = birthOf(pid);
  if (born === undefined) throw new Error(`There is no process ${pid}.`);
  return { pid, born };
}

/**
 * False for a process that has exited, even if it was not reaped. True for a stopped one (SIGSTOP).
 */
export function isAlive(process: ProcessId): boolean {
  return birthOf(process.pid) === process.born;
}

/**
 * Sends SIGTERM, and SIGKILL after `graceMs`. A stopped process is continued, so that it can handle
 * SIGTERM. Resolves when the process is gone.
 */
export async function endProcess(target: ProcessId, graceMs: number): Promise<void> {
  signal(target, 'SIGTERM');
  signal(target, 'SIGCONT');
  if (await isGone(target, graceMs)) return;
  signal(target, 'SIGKILL');
  if (!(await isGone(target, KILLED_WITHIN_MS))) throw new Error(`Process ${target.pid} could not be ended.`);
}

async function isGone(target: ProcessId, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isAlive(target)) {
    if (Date.now() > deadline) return false;
    await setTimeout(LOOK_EVERY_MS);
  }
  return true;
}

function signal(target: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch (error) {
    if (isAlive(target)) throw error;
  }
}

function birthOf(pid: number): string | undefined {
  return process.platform === 'linux' ? birthOnLinux(pid) : birthByPs(pid);
}

function birthOnLinux(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // See proc(5): the 2nd field, the name in parentheses, may contain anything. The state is the 3rd
  // field, and the start time is the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X' || startTime === undefined) return undefined;
  return `${(boot ??= bootId())}/${startTime}`;
}

/** The id of the machine's boot, read once: it cannot change while this process lives. */
let boot: string | undefined;

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function birthByPs(pid: number): string | undefined {
  try {
    const [state, ...started] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    })
      .trim()
      .split(/\s+/);
    return state?.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}
