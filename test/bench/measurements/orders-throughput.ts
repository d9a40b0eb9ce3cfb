import { complete } from '../data/order-over-http.js';
import type { Measurement } from '../harness/bench.js';
import { block, interleave, rate } from '../harness/interleave.js';

const CONCURRENCY = 20;

/**
 * Measures orders from create to completed over HTTP, with all roles in one process. The baseline
 * is a bare SDK worker and client, with a workflow of the same start, updates and activities that
 * do nothing.
 */
export const ordersThroughput: Measurement = {
  name: 'orders.throughput',
  async run(bench) {
    const phases = await bench.orderShape();
    const bare = await bench.bareOrders();
    const connections = await bench.connect(await bench.product(), CONCURRENCY);
    const [first] = connections;
    const orders = bench.pick(200, 20);
    const measured = await interleave(
      {
        product: () =>
          block(orders, CONCURRENCY, async (lane) => void (await complete(connections[lane] ?? first))),
        baseline: () => bare.call('run', phases, orders, CONCURRENCY),
      },
      bench.pick(4, 1),
      bench.note,
    );
    return [rate('orders.throughput', 'orders/s', measured, { of: 'ratio', is: '≥', limit: 0.6 })];
  },
};
