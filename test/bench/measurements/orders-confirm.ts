import { confirm } from '../data/order-over-http.js';
import { orderShape } from '../data/order-history.js';
import type { Measurement } from '../harness/bench.js';
import { block, duration, interleave } from '../harness/interleave.js';

/** POST → confirmed and visible in the view, one order at a time; against the bare workflow up to the same activity's end. */
export const ordersConfirm: Measurement = {
  name: 'orders.confirm',
  async run(bench) {
    const { address } = await bench.product();
    const [api] = await bench.connect(address, 1);
    const phases = await orderShape(bench.temporal, api);
    const bare = await bench.bareOrders();
    const orders = bench.pick(100, 20);
    const measured = await interleave(
      {
        product: () => block(orders, 1, async () => void (await confirm(api))),
        baseline: async () => (await bare.call('open', phases, orders)).first,
      },
      bench.pick(4, 2),
      bench.note,
    );
    return [duration('orders.confirm', measured, { of: 'ratio', is: '≤', limit: 1.3 })];
  },
};
