import { complete } from '../data/order-over-http.js';
import type { Measurement } from '../harness/bench.js';
import { block } from '../harness/interleave.js';
import { single } from '../harness/result.js';
import { MB, residentMemoryOf } from '../harness/usage.js';

const CONCURRENCY = 20;

/**
 * Measures the resident memory of a process with all roles after a thousand completed orders. The
 * baseline is a bare worker and client.
 */
export const ordersMemory: Measurement = {
  name: 'orders.memory',
  async run(bench) {
    const orders = bench.pick(1_000, 40);
    const product = await bench.productWith({});
    const connections = await bench.connect(product.address, CONCURRENCY);
    bench.note('product');
    await block(
      orders,
      CONCURRENCY,
      async (lane) => void (await complete(connections[lane] ?? connections[0])),
    );
    const memory = await residentMemoryOf(product.pid);
    await product.stop();
    const phases = await bench.orderShape();
    await bench.endKept();
    bench.note('baseline');
    const bare = await bench.bareOrders();
    await bare.call('run', phases, orders, CONCURRENCY);
    return [
      single('orders.memory', memory / MB, 'MB', {
        baseline: (await residentMemoryOf(bare.pid)) / MB,
        goal: { of: 'ratio', is: '≤', limit: 1.2 },
      }),
    ];
  },
};
