import { accept, untilConfirmed } from '../data/order-over-http.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { block, duration, interleave } from '../harness/interleave.js';
import type { Judged } from '../harness/result.js';

/**
 * Measures POST to 201, one order at a time, each confirmed before the next. The baseline is
 * `client.workflow.start` in a bare client.
 */
export const ordersAccept: Measurement = {
  name: 'orders.accept',
  run: async (bench) => [await measureAccept(bench, 'orders.accept', 1, 1.3)],
};

/** Measures the same with 20 orders at a time. */
export const ordersAcceptBusy: Measurement = {
  name: 'orders.accept.busy',
  run: async (bench) => [await measureAccept(bench, 'orders.accept.busy', 20, 1.5)],
};

async function measureAccept(bench: Bench, name: string, atOnce: number, limit: number): Promise<Judged> {
  const phases = await bench.orderShape();
  const bare = await bench.bareOrders();
  const connections = await bench.connect(await bench.product(), atOnce);
  const orders = bench.pick(50, 10) * Math.min(atOnce, 4);
  const measured = await interleave(
    {
      async product() {
        const times: number[] = [];
        const whole = await block(orders, atOnce, async (lane) => {
          const api = connections[lane] ?? connections[0];
          const before = performance.now();
          const orderId = await accept(api);
          times.push(performance.now() - before);
          await untilConfirmed(api, orderId);
        });
        return { ...whole, times };
      },
      baseline: async () => (await bare.call('open', phases, orders, atOnce)).start,
    },
    bench.pick(4, 1),
    bench.note,
  );
  return duration(name, measured, { of: 'ratio', is: '≤', limit });
}
