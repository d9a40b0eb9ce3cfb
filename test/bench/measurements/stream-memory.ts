import { setTimeout } from 'node:timers/promises';
import { untilCaughtUp } from '../data/projections.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { type EventStream, openEventStream } from '../harness/event-stream.js';
import { single } from '../harness/result.js';
import { MB, residentMemoryOf } from '../harness/usage.js';

/** At most 10,000 events a second are read. */
const REST_EVERY = 100;
const REST_MS = 10;
const LOOK_EVERY_MS = 250;
const NOTE_EVERY = 100_000;

/**
 * Measures how much the product's memory grows while it streams a million events to a slow reader
 * and does nothing else. First it streams a fifth of them, so that the heap reaches its working
 * size; then all of them. The value is the maximum of the second stream minus that of the first.
 * The baseline is the size of the second stream, which is how much the memory would grow if the
 * product did not wait for the reader.
 */
export const streamMemory: Measurement = {
  name: 'stream.memory',
  needsDataset: true,
  async run(bench) {
    const { events } = bench.dataset();
    const count = Math.min(events, bench.pick(1_000_000, 20_000));
    const { address, pid } = await bench.productWith({});
    const [api] = await bench.connect(address, 1);
    bench.note('waiting for the feed views');
    await untilCaughtUp(api);
    const before = await maxMemory(pid, () => read(bench, address, count / 5));
    const all = await maxMemory(pid, () => read(bench, address, count));
    return [
      single('stream.memory', Math.max(0, all.most - before.most) / MB, 'MB', {
        baseline: all.result / MB,
        goal: { of: 'value', is: '≤', limit: 50 },
      }),
    ];
  },
};

/** The maximum memory of the product while some work runs. */
async function maxMemory<R>(
  pid: number,
  work: () => Promise<R>,
): Promise<{ readonly most: number; readonly result: R }> {
  const ended = new AbortController();
  let most = await residentMemoryOf(pid);
  const watching = (async () => {
    while (!ended.signal.aborted) {
      most = Math.max(most, await residentMemoryOf(pid));
      await setTimeout(LOOK_EVERY_MS);
    }
  })();
  const result = await work().finally(() => ended.abort());
  await watching;
  return { most, result };
}

/** Reads the feed from its beginning, slowly. @returns bytes that were read */
async function read(bench: Bench, address: string, count: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    let events = 0;
    const onEvent = (_data: string, stream: EventStream) => {
      events += 1;
      if (events % REST_EVERY === 0) stream.rest(REST_MS);
      if (events % NOTE_EVERY === 0) bench.note(`${events} of ${count} events`);
      if (events !== count) return;
      stream.close();
      resolve(stream.bytes());
    };
    openEventStream(`${address}/v1/events/stream?after=0`, onEvent, reject).catch(reject);
  });
}
