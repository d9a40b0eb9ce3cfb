import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { feedState } from '../../../src/log/feed/generations.js';
import { journal } from '../../../src/log/journal/journal.js';
import { orderWorkflow, orderLog } from '../../../src/order-log.js';
import { complete } from '../data/order-over-http.js';
import { rebuild, untilCaughtUp } from '../data/projections.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { type Block, block, interleave } from '../harness/interleave.js';
import { single } from '../harness/result.js';

/** The product reads this many histories at the same time. */
const CONCURRENCY = 8;
const LOOK_EVERY_MS = 100;

/**
 * Rebuilds journal and view in an empty database from the histories of all orders that the
 * benchmark has created. The baseline is a loop that fetches the same histories, as many at a time
 * as the product. The product keeps running from block to block, so that both sides are warm. Its
 * feed follows during the rebuild, as it does for a user. The loop starts once the feed has caught
 * up.
 */
export const rebuildFromHistory: Measurement = {
  name: 'rebuild.history',
  async run(bench) {
    const workflowIds = await workflowsOf(bench, bench.pick(500, 40));
    const db = bench.db.client.db('rebuilt');
    bench.atEnd(async () => void (await db.dropDatabase()));
    // No scheduled reconciliation, because it reads histories as well.
    const { address } = await bench.productWith({ MONGODB_DB: db.databaseName, RECONCILE_INTERVAL: '24h' });
    const [api] = await bench.connect(address, 1);
    let events = 0;
    const { product, baseline } = await interleave(
      {
        async product(): Promise<Block> {
          await empty(db);
          const ms = await rebuild(api, 'journal');
          events = await journal(orderLog, db).countDocuments();
          await untilCaughtUp(api);
          return { operations: events, ms, times: [] };
        },
        async baseline() {
          let next = 0;
          const fetched = await block(workflowIds.length, CONCURRENCY, async () => {
            await bench.temporal.workflow.getHandle(workflowIds[next++] ?? '').fetchHistory();
          });
          return { ...fetched, operations: events };
        },
      },
      bench.pick(5, 1),
      bench.note,
    );
    return [
      single('rebuild.history', product.perSecond, 'events/s', {
        baseline: baseline.perSecond,
        goal: { of: 'ratio', is: '≥', limit: 0.6 },
      }),
    ];
  },
};

/** Empties the database of the running product, and waits until its feed has begun again. */
async function empty(db: Db): Promise<void> {
  await db.dropDatabase();
  while ((await feedState(db).findOne()) === null) await setTimeout(LOOK_EVERY_MS);
}

/** The workflows of all orders. If there are fewer than `count`, creates more. */
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
