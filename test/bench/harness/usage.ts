import { readFile } from 'node:fs/promises';
import type { Db } from 'mongodb';

export const MB = 1024 * 1024;

/** The unit of `utime` and `stime` in `/proc/<pid>/stat`. */
const TICK_MS = 10;

/** The CPU that a process has used so far, in milliseconds. */
export async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [utime = 0, stime = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (utime + stime) * TICK_MS;
}

/** The resident memory of a process, in bytes. */
export async function residentMemoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Drivers send `hello` and `isMaster` by themselves, and `commandsSent` sends `serverStatus`. */
const notCounted = ['hello', 'isMaster', 'serverStatus'];

/** The number of commands that a MongoDB server has received, without those in `leftOut`. */
export async function commandsSent(db: Db, ...leftOut: readonly string[]): Promise<number> {
  const { metrics } = await db.admin().serverStatus();
  const counts: Readonly<Record<string, { readonly total?: unknown }>> = metrics.commands;
  return Object.entries(counts)
    .filter(([name]) => ![...notCounted, ...leftOut].includes(name))
    .reduce((sum, [, { total }]) => sum + Number(total ?? 0), 0);
}
