import { accept, untilConfirmed } from '../data/order-over-http.js';
import type { Measurement } from '../harness/bench.js';
import { block, duration, interleave } from '../harness/interleave.js';

/** POST → 201, one order at a time, each confirmed before the next; against `client.workflow.start` in a bare client. */
export const ordersAccept: Measurement = {
  name: 'orders.accept',
  async run(bench) {
    const address = await bench.product();
    const [api] = await bench.connect(address, 1);
    const phases = await bench.orderShape();
    const bare = await bench.bareOrders();
    const orders = bench.pick(50, 10);
    const measured = await interleave(
      {
        async product() {
          const times: number[] = [];
          const whole = await block(orders, 1, async () => {
            const before = performance.now();
            const orderId = await accept(api);
            times.push(performance.now() - before);
            await untilConfirmed(api, orderId);
          });
          return { ...whole, times };
        },
        baseline: async () => (await bare.call('open', phases, orders)).start,
      },
      bench.pick(4, 1),
      bench.note,
    );
    return [duration('orders.accept', measured, { of: 'ratio', is: '≤', limit: 1.3 })];
  },
};
