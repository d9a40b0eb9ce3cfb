import { confirm } from '../data/order-over-http.js';
import type { Measurement } from '../harness/bench.js';
import { block, duration, interleave } from '../harness/interleave.js';

/** POST → confirmed and visible in the view, one order at a time; against the bare workflow up to the same activity's end. */
export const ordersConfirm: Measurement = {
  name: 'orders.confirm',
  async run(bench) {
    const address = await bench.product();
    const [api] = await bench.connect(address, 1);
    const phases = await bench.orderShape();
    const bare = await bench.bareOrders();
    const orders = bench.pick(50, 10);
    const measured = await interleave(
      {
        product: () => block(orders, 1, async () => void (await confirm(api))),
        baseline: async () => (await bare.call('open', phases, orders)).first,
      },
      bench.pick(4, 1),
      bench.note,
    );
    return [duration('orders.confirm', measured, { of: 'ratio', is: '≤', limit: 1.3 })];
  },
};
