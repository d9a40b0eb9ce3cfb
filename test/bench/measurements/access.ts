import { addKey } from '../../../src/access/keys.js';
import { accept, untilConfirmed } from '../data/order-over-http.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { askFor, type HttpConnection } from '../harness/http-connection.js';
import { block, duration, interleave, rate } from '../harness/interleave.js';
import { type Judged, single } from '../harness/result.js';

const connections = 50;
const hotOrders = 100;

/** What a key for each request costs: an API with authentication against the same without. */
export const access: Measurement = {
  name: 'access',
  needsDataset: true,
  async run(bench) {
    // Its workers confirm the orders of both.
    await bench.product();
    const open = await bench.beside({ ROLES: 'write,read' });
    // Requests are counted, and never too many.
    const env = { ROLES: 'write,read', AUTH: 'on', RATE_LIMIT: '1000000000' };
    const guarded = await bench.beside(env);
    const { key } = await addKey(bench.db, { client: 'bench', scopes: ['orders:read', 'orders:write'] });
    const headers = { authorization: `Bearer ${key}` };
    return [
      ...(await accepted(bench, open, guarded, headers)),
      ...(await hot(bench, open, guarded, headers)),
    ];
  },
};

type Headers = Readonly<Record<string, string>>;

/** POST → 201, one order at a time, each confirmed before the next. */
async function accepted(bench: Bench, open: string, guarded: string, headers: Headers): Promise<Judged[]> {
  const [without] = await bench.connect(open, 1);
  const [withKey] = await bench.connect(guarded, 1, headers);
  const orders = bench.pick(50, 10);
  const create = (api: HttpConnection) => async () => {
    const times: number[] = [];
    const whole = await block(orders, 1, async () => {
      const before = performance.now();
      const orderId = await accept(api);
      times.push(performance.now() - before);
      await untilConfirmed(api, orderId);
    });
    return { ...whole, times };
  };
  const sides = { product: create(withKey), baseline: create(without) };
  const measured = await interleave(sides, bench.pick(6, 1), bench.note);
  const added = measured.product.percentile(0.5) - measured.baseline.percentile(0.5);
  return [
    duration('access.accept', measured),
    single('access.accept.added', added, 'ms', { goal: { of: 'value', is: '≤', limit: 0.3 } }),
  ];
}

/** `GET /v1/orders/{id}` of a hundred orders. */
async function hot(bench: Bench, open: string, guarded: string, headers: Headers): Promise<Judged[]> {
  const withKey = await bench.connect(guarded, connections, headers);
  const without = await bench.connect(open, connections);
  const bare = await bench.connect(await bench.bareApi(), connections);
  const orderIds = bench.dataset().orderIds.slice(0, hotOrders);
  const path = () => `/v1/orders/${orderIds[Math.floor(Math.random() * orderIds.length)]}`;
  const ms = bench.pick(4_000, 500);
  const ask = (all: readonly HttpConnection[]) => () => askFor({ connections: all, ms, path });
  const blocks = bench.pick(5, 2);
  const product = ask(withKey);
  return [
    rate(
      'access.get.hot',
      'requests/s',
      await interleave({ product, baseline: ask(without) }, blocks, bench.note),
    ),
    rate(
      'access.get.hot.bare',
      'requests/s',
      await interleave({ product, baseline: ask(bare) }, blocks, bench.note),
      { of: 'ratio', is: '≥', limit: 2 },
    ),
  ];
}
