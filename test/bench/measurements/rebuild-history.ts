import { journal } from '../../../src/event-log/journal.js';
import { orderWorkflow } from '../../../src/workflows/messages.js';
import { complete } from '../data/order-over-http.js';
import { rebuild } from '../data/projections.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { type Block, block, interleave } from '../harness/interleave.js';
import { single } from '../harness/result.js';

/** As many histories at once as the product reads. */
const atOnce = 8;

/**
 * Journal and view made anew, in an empty database, from the histories of all orders that were completed here; against a loop
 * that fetches the same histories, as many at once.
 */
export const rebuildFromHistory: Measurement = {
  name: 'rebuild.history',
  async run(bench) {
    const workflowIds = await workflowsOf(bench, bench.pick(500, 20));
    let [databases, events] = [0, 0];
    const { product, baseline } = await interleave(
      {
        async product(): Promise<Block> {
          const name = `rebuilt-${(databases += 1)}`;
          const started = await bench.productWith({ MONGODB_DB: name });
          const [api] = await bench.connect(started.address, 1);
          const ms = await rebuild(api, 'journal');
          await started.stop();
          const rebuilt = bench.db.client.db(name);
          events = await journal(rebuilt).countDocuments();
          await rebuilt.dropDatabase();
          return { operations: events, ms, times: [] };
        },
        async baseline() {
          let next = 0;
          const fetched = await block(workflowIds.length, atOnce, async () => {
            await bench.temporal.workflow.getHandle(workflowIds[next++] ?? '').fetchHistory();
          });
          return { ...fetched, operations: events };
        },
      },
      bench.pick(3, 1),
      bench.note,
    );
    return [
      single('rebuild.history', product.perSecond, 'events/s', {
        baseline: baseline.perSecond,
        goal: { of: 'ratio', is: '≥', limit: 0.8 },
      }),
    ];
  },
};

/** The workflows of all orders; at least `count` of them, which are made where there are fewer. */
async function workflowsOf(bench: Bench, count: number): Promise<readonly string[]> {
  const list = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { workflowId } of bench.temporal.workflow.list({
      query: `WorkflowType = '${orderWorkflow}'`,
    }))
      found.push(workflowId);
    return found;
  };
  const missing = count - (await list()).length;
  if (missing > 0) {
    const connections = await bench.connect(await bench.product(), 20);
    bench.note(`${missing} orders`);
    await block(missing, connections.length, async (lane) => {
      await complete(connections[lane] ?? connections[0]);
    });
  }
  return await list();
}
