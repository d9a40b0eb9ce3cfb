import type { Bench, Measurement } from '../harness/bench.js';
import { askFor } from '../harness/http-connection.js';
import { interleave, rate } from '../harness/interleave.js';
import type { Goal, Judged } from '../harness/result.js';

const CONNECTIONS = 50;
const HOT_ORDERS = 100;

/**
 * Measures `GET /v1/orders/{id}` of any order, on 50 connections. The baseline is fastify with
 * `findOne` of the same fields.
 */
export const queryGet: Measurement = {
  name: 'query.get',
  needsDataset: true,
  run: async (bench) => [
    await measureGet(bench, 'query.get', bench.dataset().orderIds, {
      of: 'ratio',
      is: '≥',
      limit: 0.9,
    }),
  ],
};

/** Measures the same for a hundred orders that are read repeatedly. */
export const queryGetHot: Measurement = {
  name: 'query.get.hot',
  needsDataset: true,
  async run(bench) {
    const { orderIds } = bench.dataset();
    const hot = orderIds.slice(0, HOT_ORDERS);
    return [await measureGet(bench, 'query.get.hot', hot, { of: 'ratio', is: '≥', limit: 2 })];
  },
};

async function measureGet(
  bench: Bench,
  name: string,
  orderIds: readonly string[],
  goal: Goal,
): Promise<Judged> {
  const address = await bench.product();
  const product = await bench.connect(address, CONNECTIONS);
  const baseline = await bench.connect(await bench.bareApi(), CONNECTIONS);
  const ms = bench.pick(4_000, 500);
  const path = () => `/v1/orders/${orderIds[Math.floor(Math.random() * orderIds.length)]}`;
  const measured = await interleave(
    {
      product: () => askFor({ connections: product, ms, path }),
      baseline: () => askFor({ connections: baseline, ms, path }),
    },
    bench.pick(5, 2),
    bench.note,
  );
  return rate(name, 'requests/s', measured, goal);
}
