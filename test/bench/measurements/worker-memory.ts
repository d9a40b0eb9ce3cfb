import { confirm } from '../data/order-over-http.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { block } from '../harness/interleave.js';
import { single } from '../harness/result.js';
import { MB, residentMemoryOf } from '../harness/usage.js';

const CONCURRENCY = 20;
/**
 * A worker caches at least this many workflows, including those of the warm-up, if V8 allows a heap
 * of 2 GB.
 */
const MAX_CACHED = 1_000;

/**
 * Measures the resident memory that a worker takes for each thousand orders that are confirmed,
 * open and in its cache. The baseline is a bare worker with workflows of the same shape. Each side
 * runs in a new process, after a warm-up with some workflows.
 */
export const workerMemory: Measurement = {
  name: 'worker.memory',
  async run(bench) {
    const warmUp = bench.pick(200, 10);
    const orders = bench.pick(MAX_CACHED - warmUp, 40);
    const product = await productMemory(bench, warmUp, orders);
    const baseline = await bareMemory(bench, warmUp, orders);
    const perThousand = (bytes: number): number => (bytes / MB / orders) * 1_000;
    return [
      single('worker.memory', perThousand(product), 'MB', {
        baseline: perThousand(baseline),
        goal: { of: 'ratio', is: '≤', limit: 1.3 },
      }),
    ];
  },
};

async function productMemory(bench: Bench, warmUp: number, orders: number): Promise<number> {
  const worker = await bench.productWith({ ROLES: 'worker' });
  const writer = await bench.productWith({ ROLES: 'write' });
  const connections = await bench.connect(writer.address, CONCURRENCY);
  const open = (count: number) =>
    block(count, CONCURRENCY, async (lane) => void (await confirm(connections[lane] ?? connections[0])));
  bench.note('product');
  await open(warmUp);
  const before = await residentMemoryOf(worker.pid);
  await open(orders);
  const after = await residentMemoryOf(worker.pid);
  await Promise.all([worker.stop(), writer.stop()]);
  return after - before;
}

async function bareMemory(bench: Bench, warmUp: number, orders: number): Promise<number> {
  const phases = await bench.orderShape();
  await bench.endKept();
  bench.note('baseline');
  const bare = await bench.bareOrders();
  await bare.call('open', phases, warmUp, CONCURRENCY);
  const before = await residentMemoryOf(bare.pid);
  await bare.call('open', phases, orders, CONCURRENCY);
  return (await residentMemoryOf(bare.pid)) - before;
}
