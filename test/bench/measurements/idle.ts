import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import type { Measurement } from '../harness/bench.js';
import { single } from '../harness/result.js';
import { cpuOf } from '../harness/usage.js';

/** After the start, the product is not idle yet: it compiles, and awaits requests for a while. */
const SETTLES_WITHIN_MS = 30_000;
/** Sent by every client of MongoDB, and by this measurement. */
const notCounted = ['hello', 'isMaster', 'serverStatus', 'getMore'];

/** What the product costs while nobody uses it: all roles in one process. `getMore` awaits changes, and is left out. */
export const idle: Measurement = {
  name: 'idle',
  async run(bench) {
    const product = await bench.productWith({});
    await setTimeout(SETTLES_WITHIN_MS);
    const minutes = bench.pick(2, 0.5);
    const before = { commands: await commandsOf(bench.db), cpuMs: await cpuOf(product.pid) };
    bench.note(`${minutes} min`);
    await setTimeout(minutes * 60_000);
    const commands = (await commandsOf(bench.db)) - before.commands;
    const cpuMs = (await cpuOf(product.pid)) - before.cpuMs;
    return [
      single('idle.commands', commands / minutes, 'commands/min', {
        goal: { of: 'value', is: '≤', limit: 60 },
      }),
      single('idle.cpu', cpuMs / 1_000 / minutes, 's/min', { goal: { of: 'value', is: '≤', limit: 1.2 } }),
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
