import { expect, test } from '@jest/globals';
import { PartitionProgress } from '../../../../src/api/commands/kafka/partition-progress.js';

test('everything before the lowest open record is done', () => {
  const progress = new PartitionProgress(0, 5n);
  expect(progress.done).toBe(5n);
  for (const offset of [5n, 6n, 8n]) progress.begin(offset, 10);
  expect([progress.next, progress.openCount, progress.openBytes]).toEqual([9n, 3, 30]);
  progress.end(6n);
  expect(progress.done).toBe(5n);
  progress.end(5n);
  expect(progress.done).toBe(8n);
  progress.end(8n);
  expect([progress.done, progress.openCount, progress.openBytes]).toEqual([9n, 0, 0]);
});

test('offsets that hold no record, after the last record, are done with it', () => {
  const progress = new PartitionProgress(0, 7n);
  progress.begin(7n);
  progress.next = 12n;
  expect(progress.done).toBe(7n);
  progress.end(7n);
  expect(progress.done).toBe(12n);
});

test('a waiting record shows the time of its first failure and the reason of its last', () => {
  const progress = new PartitionProgress(0, 0n);
  progress.begin(0n);
  expect(progress.markWaiting(0n, 'no answer')).toBe(true);
  const { since } = progress.longestWaiting ?? {};
  expect(progress.markWaiting(0n, 'busy')).toBe(false);
  expect(progress.longestWaiting).toEqual({ offset: 0n, since, why: 'busy' });
  progress.end(0n);
  expect(progress.longestWaiting).toBeUndefined();
});
