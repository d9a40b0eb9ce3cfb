import { type JournalDocument, journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { views } from '../../../src/views/views.js';
import { rebuild } from '../data/projections.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { type Block, interleave } from '../harness/interleave.js';
import { single } from '../harness/result.js';

const BATCH_SIZE = 1_000;

/**
 * Rebuilds views from the whole journal on requests over HTTP: `orders`, and the feed views. The
 * baseline is a loop that reads the same journal with a cursor, and writes what it reads to another
 * collection in bulk.
 */
export const rebuildFromJournal: Measurement = {
  name: 'rebuild.journal',
  needsDataset: true,
  async run(bench) {
    const address = await bench.product();
    const [api] = await bench.connect(address, 1);
    const events = await journal(orderLog, bench.db).countDocuments();
    const across = bench.pick(views, []).map(({ name }) => name);
    const results = [];
    for (const view of ['orders', ...across]) {
      const { product, baseline } = await interleave(
        {
          product: async () => ({ operations: events, ms: await rebuild(api, view), times: [] }),
          baseline: () => copyJournal(bench),
        },
        1,
        (text) => bench.note(`${view}: ${text}`),
      );
      const name = view === 'orders' ? 'rebuild.journal' : `rebuild.journal.${view}`;
      const goal = { of: 'ratio', is: '≥', limit: 0.5 } as const;
      results.push(single(name, product.perSecond, 'events/s', { baseline: baseline.perSecond, goal }));
    }
    return results;
  },
};

async function copyJournal({ db }: Bench): Promise<Block> {
  const copy = db.collection<JournalDocument>('bench_copy');
  await copy.drop();
  const start = performance.now();
  let [operations, batch]: [number, JournalDocument[]] = [0, []];
  const write = async (): Promise<void> => {
    await copy.insertMany(batch, { ordered: false });
    operations += batch.length;
    batch = [];
  };
  for await (const event of journal(orderLog, db).find().sort({ orderId: 1, version: 1 })) {
    batch.push(event);
    if (batch.length === BATCH_SIZE) await write();
  }
  if (batch.length > 0) await write();
  const ms = performance.now() - start;
  await copy.drop();
  return { operations, ms, times: [] };
}
