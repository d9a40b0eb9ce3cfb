import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import type { Measurement } from '../harness/bench.js';
import { single } from '../harness/result.js';

const SETTLES_WITHIN_MS = 10_000;
/** Of `utime` and `stime` in `/proc/<pid>/stat`. */
const ticksPerSecond = 100;
/** Sent by every client of MongoDB, and by this measurement. */
const notCounted = ['hello', 'isMaster', 'serverStatus', 'getMore'];

/** What the product costs while nobody uses it: all roles in one process. `getMore` awaits changes, and is left out. */
export const idle: Measurement = {
  name: 'idle',
  async run(bench) {
    const product = await bench.productWith({});
    await setTimeout(SETTLES_WITHIN_MS);
    const minutes = bench.pick(2, 0.5);
    const before = { commands: await commandsOf(bench.db), cpu: await cpuOf(product.pid) };
    bench.note(`${minutes} min`);
    await setTimeout(minutes * 60_000);
    const commands = (await commandsOf(bench.db)) - before.commands;
    const cpu = (await cpuOf(product.pid)) - before.cpu;
    return [
      single('idle.commands', commands / minutes, 'commands/min', {
        goal: { of: 'value', is: '≤', limit: 60 },
      }),
      single('idle.cpu', cpu / minutes, 's/min', { goal: { of: 'value', is: '≤', limit: 1.2 } }),
    ];
  },
};

/** Commands that the server was sent so far. */
async function commandsOf(db: Db): Promise<number> {
  const { metrics } = await db.admin().serverStatus();
  const counts: Readonly<Record<string, { readonly total?: unknown }>> = metrics.commands;
  return Object.entries(counts)
    .filter(([name]) => !notCounted.includes(name))
    .reduce((sum, [, { total }]) => sum + Number(total ?? 0), 0);
}

/** Seconds of CPU that a process has used. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [utime = 0, stime = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (utime + stime) / ticksPerSecond;
}
