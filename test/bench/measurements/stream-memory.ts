import { get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { Bench, Measurement } from '../harness/bench.js';
import { MB, memoryOf } from '../harness/memory.js';
import { single } from '../harness/result.js';

/** Between two chunks of 64 KB: about 8,000 events a second are read. */
const PAUSE_MS = 10;
const LOOK_EVERY_MS = 250;
const NOTE_EVERY = 100_000;

/**
 * How much the memory of the product grows while it streams a million events to a reader that is slower than it could be;
 * the baseline is what it sends meanwhile, which is what it would grow by if it waited for nobody.
 */
export const streamMemory: Measurement = {
  name: 'stream.memory',
  needsDataset: true,
  async run(bench) {
    const { events } = bench.dataset();
    const count = Math.min(events, bench.pick(1_000_000, 20_000));
    const { address } = await bench.product();
    const [api] = await bench.connect(address, 1);
    await read(bench, address, Math.min(count / 10, 20_000));
    const before = await memoryOf(api);
    let most = before;
    const reading = new AbortController();
    const watching = (async () => {
      while (!reading.signal.aborted) {
        most = Math.max(most, await memoryOf(api));
        await setTimeout(LOOK_EVERY_MS);
      }
    })();
    const bytes = await read(bench, address, count).finally(() => reading.abort());
    await watching;
    return [
      single('stream.memory', (most - before) / MB, 'MB', {
        baseline: bytes / MB,
        goal: { of: 'value', is: '≤', limit: 50 },
      }),
    ];
  },
};

/** Reads the feed from its beginning, slowly, up to a position. @returns bytes that were read */
async function read(bench: Bench, address: string, until: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    const request = get(`${address}/v1/events/stream?after=0`, (response) => {
      let [bytes, told] = [0, 0];
      const take = async (chunk: Buffer): Promise<void> => {
        bytes += chunk.length;
        const position = lastPosition(chunk.toString('latin1'));
        if (position !== undefined && position >= until) {
          request.destroy();
          resolve(bytes);
          return;
        }
        if (position !== undefined && position >= told + NOTE_EVERY) {
          told = position;
          bench.note(`${position} events of ${until}`);
        }
        response.pause();
        await setTimeout(PAUSE_MS);
        response.resume();
      };
      response.on('data', (chunk: Buffer) => void take(chunk));
      response.on('error', () => undefined);
    });
    request.on('error', reject);
  });
}

function lastPosition(text: string): number | undefined {
  const [, position] = /\nid: (\d+)\n(?![^]*\nid: \d+\n)/.exec(text) ?? [];
  return position === undefined ? undefined : Number(position);
}
