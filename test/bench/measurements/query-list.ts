import type { Measurement } from '../harness/bench.js';
import { askFor, type HttpConnection } from '../harness/http-connection.js';
import { interleave, rate } from '../harness/interleave.js';

const CONNECTIONS = 10;
const PAGE_SIZE = 50;
const DEEPEST_PAGE = 1_000;
const MAX_PAGE = 200;
const list = '/v1/orders?status=completed&sort=-createdAt';

/**
 * Measures a page of 50 completed orders, newest first. The baseline is fastify with `find` on the
 * same index. `query.list.deep` is the 1,000th page, or the last whole one if there are fewer,
 * against the first page.
 */
export const queryList: Measurement = {
  name: 'query.list',
  needsDataset: true,
  async run(bench) {
    const { completed } = bench.dataset();
    const address = await bench.product();
    const product = await bench.connect(address, CONNECTIONS);
    const baseline = await bench.connect(await bench.bareApi(), CONNECTIONS);
    const ms = bench.pick(4_000, 500);
    const blocks = bench.pick(5, 2);
    const first = `${list}&limit=${PAGE_SIZE}`;
    const asking = (to: readonly HttpConnection[], path: string) => () =>
      askFor({ connections: to, ms, path: () => path });
    const firstPage = await interleave(
      { product: asking(product, first), baseline: asking(baseline, first) },
      blocks,
      bench.note,
    );
    const page = Math.min(DEEPEST_PAGE, Math.floor(completed / PAGE_SIZE));
    bench.note(`turning to page ${page}`);
    const deep = `${first}&cursor=${encodeURIComponent(await cursorAfter(product[0], (page - 1) * PAGE_SIZE))}`;
    const deepPage = await interleave(
      { product: asking(product, deep), baseline: asking(product, first) },
      blocks,
      bench.note,
    );
    return [
      rate('query.list', 'pages/s', firstPage, { of: 'ratio', is: '≥', limit: 0.8 }),
      rate('query.list.deep', 'pages/s', deepPage, { of: 'ratio', is: '≥', limit: 0.9 }),
    ];
  },
};

/** A cursor is bound to filters and sort, not to the size of a page. */
async function cursorAfter(api: HttpConnection, count: number): Promise<string> {
  let cursor = '';
  for (let seen = 0; seen < count;) {
    const limit = Math.min(MAX_PAGE, count - seen);
    const from = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await api.get(`${list}&limit=${limit}${from}`);
    const page = JSON.parse(body.toString()) as { readonly nextCursor: string };
    cursor = page.nextCursor;
    seen += limit;
  }
  return cursor;
}
