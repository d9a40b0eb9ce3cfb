import { complete, confirm } from '../data/order-over-http.js';
import type { Bench, Measurement } from '../harness/bench.js';
import type { HttpConnection } from '../harness/http-connection.js';
import { type Block, block, duration, interleave } from '../harness/interleave.js';
import type { Judged } from '../harness/result.js';

/**
 * Measures POST to confirmed and visible in the view, one order at a time. The baseline is the bare
 * workflow up to the end of the same activity.
 */
export const ordersConfirm: Measurement = {
  name: 'orders.confirm',
  async run(bench) {
    const phases = await bench.orderShape();
    const bare = await bench.bareOrders();
    const baseline = async (orders: number) => (await bare.call('open', phases, orders, 1)).first;
    return [await measureAlone(bench, 'orders.confirm', confirm, baseline)];
  },
};

/**
 * Measures POST to completed and visible in the view, one order at a time. The baseline is the
 * whole bare workflow.
 */
export const ordersComplete: Measurement = {
  name: 'orders.complete',
  async run(bench) {
    const phases = await bench.orderShape();
    const bare = await bench.bareOrders();
    const baseline = async (orders: number) => await bare.call('run', phases, orders, 1);
    return [await measureAlone(bench, 'orders.complete', complete, baseline)];
  },
};

async function measureAlone(
  bench: Bench,
  name: string,
  operation: (api: HttpConnection) => Promise<unknown>,
  baseline: (orders: number) => Promise<Block>,
): Promise<Judged> {
  const [api] = await bench.connect(await bench.product(), 1);
  const orders = bench.pick(50, 10);
  const measured = await interleave(
    {
      product: () => block(orders, 1, async () => void (await operation(api))),
      baseline: () => baseline(orders),
    },
    bench.pick(4, 1),
    bench.note,
  );
  return duration(name, measured, { of: 'ratio', is: '≤', limit: 1.15 });
}
