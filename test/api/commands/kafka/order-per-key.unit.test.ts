import { expect, test } from '@jest/globals';
import { PartitionProgress } from '../../../../src/api/commands/kafka/partition-progress.js';
import { KeyedQueue } from '../../../../src/concurrency/keyed-queue.js';
import { createSemaphore } from '../../../../src/concurrency/semaphore.js';

test('an offset is done only when all earlier offsets are done', () => {
  const progress = new PartitionProgress(0, 7n);
  for (const offset of [7n, 8n, 9n]) progress.begin(offset);
  progress.next = 12n;
  progress.end(8n);
  expect(progress.done).toBe(7n);
  progress.end(7n);
  expect(progress.done).toBe(9n);
  progress.end(9n);
  // The offsets after it belong to records of aborted transactions.
  expect(progress.done).toBe(12n);
});

test('later records of a key wait for the earlier record, and other keys continue', async () => {
  const byKey = new KeyedQueue();
  const seen: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  byKey.add('a', async () => {
    await held;
    seen.push('a1');
  });
  byKey.add('a', async () => void seen.push('a2'));
  const other = new Promise<void>((resolve) => {
    byKey.add('b', async () => {
      seen.push('b1');
      resolve();
    });
  });
  await other;
  expect(seen).toEqual(['b1']);
  release();
  await byKey.allDone();
  expect(seen).toEqual(['b1', 'a1', 'a2']);
});

test('no more than the limit run at the same time, and each record gets its turn', async () => {
  const inTurn = createSemaphore(2);
  let [running, most, done] = [0, 0, 0];
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done += 1;
  };
  await Promise.all(Array.from({ length: 10 }, () => inTurn(work)));
  expect({ most, done }).toEqual({ most: 2, done: 10 });
});
