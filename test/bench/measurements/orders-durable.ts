import type { Measurement } from '../harness/bench.js';
import { duration, interleave, rate } from '../harness/interleave.js';

const CONCURRENCY = 20;

/**
 * What durability alone costs: the bare workflow with two durable writes in each activity, against
 * the one whose activities do nothing. No product whose steps wait for their journal and their view
 * comes closer to the bare workflow than this.
 */
export const ordersDurable: Measurement = {
  name: 'orders.durable',
  async run(bench) {
    const phases = await bench.orderShape();
    const [durable, bare] = [await bench.durableOrders(), await bench.bareOrders()];
    const alone = bench.pick(50, 10);
    const together = bench.pick(200, 20);
    const blocks = bench.pick(4, 1);
    const throughput = await interleave(
      {
        product: () => durable.call('run', phases, together, CONCURRENCY),
        baseline: () => bare.call('run', phases, together, CONCURRENCY),
      },
      blocks,
      bench.note,
    );
    const confirm = await interleave(
      {
        product: async () => (await durable.call('open', phases, alone, 1)).first,
        baseline: async () => (await bare.call('open', phases, alone, 1)).first,
      },
      blocks,
      bench.note,
    );
    const complete = await interleave(
      {
        product: () => durable.call('run', phases, alone, 1),
        baseline: () => bare.call('run', phases, alone, 1),
      },
      blocks,
      bench.note,
    );
    return [
      rate('orders.durable.throughput', 'orders/s', throughput),
      duration('orders.durable.confirm', confirm),
      duration('orders.durable.complete', complete),
    ];
  },
};
