import { complete } from '../data/order-over-http.js';
import { untilCaughtUp } from '../data/projections.js';
import type { Measurement } from '../harness/bench.js';
import { block, inTurns } from '../harness/interleave.js';
import { single } from '../harness/result.js';
import { commandsSent, cpuOf } from '../harness/usage.js';

const CONCURRENCY = 20;

/** CPU by process. The application is the product, or the bare worker and client. */
interface Processes {
  readonly application: number;
  readonly temporal: number;
  readonly mongodb: number;
}

/**
 * Measures the CPU of an order from create to completed, by process, with 20 orders at a time, and
 * the commands that it sends to MongoDB. The feed and the feed views are included. The baseline is
 * the bare workflow of the same shape.
 */
export const ordersCpu: Measurement = {
  name: 'orders.cpu',
  async run(bench) {
    const phases = await bench.orderShape();
    const bare = await bench.bareOrders();
    const connections = await bench.connect(await bench.product(), CONCURRENCY);
    const orders = bench.pick(200, 40);
    const pids = await bench.pids();
    /** the commands in the product's last block */
    let commands = 0;
    const { product, baseline } = await inTurns(
      {
        product: () =>
          used({ ...pids, application: pids.product }, async () => {
            const before = await commandsSent(bench.db);
            await block(orders, CONCURRENCY, async (lane) => {
              await complete(connections[lane] ?? connections[0]);
            });
            await untilCaughtUp(connections[0]);
            commands = (await commandsSent(bench.db)) - before;
          }),
        baseline: () =>
          used({ ...pids, application: bare.pid }, () => bare.call('run', phases, orders, CONCURRENCY)),
      },
      bench.pick(4, 1),
      bench.note,
    );
    const anOrder = (seen: readonly Processes[], of: (cpu: Processes) => number): number =>
      seen.reduce((sum, cpu) => sum + of(cpu), 0) / seen.length / orders;
    const row = (name: string, of: (cpu: Processes) => number, limit?: number) =>
      single(name, anOrder(product, of), 'ms/order', {
        baseline: anOrder(baseline, of),
        ...(limit !== undefined && { goal: { of: 'ratio', is: '≤', limit } }),
      });
    return [
      row('orders.cpu', ({ application, temporal, mongodb }) => application + temporal + mongodb, 2),
      row('orders.cpu.application', ({ application }) => application, 2.2),
      row('orders.cpu.temporal', ({ temporal }) => temporal),
      row('orders.cpu.mongodb', ({ mongodb }) => mongodb),
      single('orders.commands', commands / orders, 'commands/order'),
    ];
  },
};

/** The CPU that some work takes, in milliseconds. */
async function used(pids: Processes, work: () => Promise<unknown>): Promise<Processes> {
  const look = async (): Promise<Processes> => ({
    application: await cpuOf(pids.application),
    temporal: await cpuOf(pids.temporal),
    mongodb: await cpuOf(pids.mongodb),
  });
  const before = await look();
  await work();
  const after = await look();
  return {
    application: after.application - before.application,
    temporal: after.temporal - before.temporal,
    mongodb: after.mongodb - before.mongodb,
  };
}
