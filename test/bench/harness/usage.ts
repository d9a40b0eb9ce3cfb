import { readFile } from 'node:fs/promises';

export const MB = 1024 * 1024;

/** Of `utime` and `stime` in `/proc/<pid>/stat`. */
const msPerTick = 10;

/** The CPU that a process has used so far, in milliseconds. */
export async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [utime = 0, stime = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (utime + stime) * msPerTick;
}

/** The resident memory of a process, in bytes. */
export async function residentMemoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
