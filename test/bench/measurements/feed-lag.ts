import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { complete } from '../data/order-over-http.js';
import { untilCaughtUp } from '../data/projections.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { openEventStream } from '../harness/event-stream.js';
import type { HttpConnection } from '../harness/http-connection.js';
import { block, percentileOf, percentiles } from '../harness/interleave.js';

const CONCURRENCY = 20;

/**
 * Measures the time from the recording of an event (`recordedAt`, taken before it is written) to
 * its receipt over `GET /v1/events/stream`. Orders come at half the rate that 20 at a time reach.
 * The baseline is a bare change stream of the journal, for the same events.
 */
export const feedLag: Measurement = {
  name: 'feed.lag',
  async run(bench) {
    const address = await bench.product();
    const connections = await bench.connect(address, CONCURRENCY);
    await untilCaughtUp(connections[0]);
    bench.note('full load');
    const full = await block(bench.pick(200, 20), CONCURRENCY, async (lane) => {
      await complete(connections[lane] ?? connections[0]);
    });
    await untilCaughtUp(connections[0]);
    const lags = { product: [] as number[], baseline: [] as number[] };
    const broken = new AbortController();
    const stream = await openEventStream(
      `${address}/v1/events/stream`,
      (data) => lags.product.push(lagOf(JSON.parse(data))),
      (error) => broken.abort(error),
    );
    bench.atEnd(stream.close);
    await receiveChanges(bench, (lag) => lags.baseline.push(lag));
    const perSecond = (1_000 * full.operations) / full.ms / 2;
    bench.note(`half load: ${perSecond.toFixed(1)} orders/s`);
    await halfLoad(connections, perSecond, bench.pick(60, 5));
    await untilCaughtUp(connections[0]);
    broken.signal.throwIfAborted();
    return [
      percentiles('feed.lag', lags.product, 0.99, {
        baseline: percentileOf(lags.baseline)(0.99),
        goal: { of: 'p99', is: '≤', limit: 50 },
      }),
    ];
  },
};

/** Orders begin at a steady pace, however long each takes. */
async function halfLoad(
  connections: readonly HttpConnection[],
  perSecond: number,
  seconds: number,
): Promise<void> {
  const idle = [...connections];
  const running: Promise<void>[] = [];
  const start = performance.now();
  for (let n = 0; n < perSecond * seconds; n += 1) {
    await setTimeout(Math.max(0, start + (n * 1_000) / perSecond - performance.now()));
    const connection = idle.pop();
    // As many orders are in progress as under full load, so this one is left out.
    if (connection === undefined) continue;
    running.push(complete(connection).then(() => void idle.push(connection)));
  }
  await Promise.all(running);
}

async function receiveChanges(bench: Bench, onLag: (lag: number) => void): Promise<void> {
  const stream = journal(orderLog, bench.db).watch([{ $match: { operationType: 'insert' } }]);
  bench.atEnd(() => stream.close());
  stream.on('change', (change) => {
    if (change.operationType === 'insert') onLag(lagOf(change.fullDocument));
  });
  // The stream is open and has caught up.
  await once(stream, 'resumeTokenChanged');
}

function lagOf({ recordedAt }: { readonly recordedAt: string }): number {
  return Date.now() - Date.parse(recordedAt);
}
