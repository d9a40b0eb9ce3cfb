import { expect, test } from '@jest/globals';
import { KeyedQueue } from '../../src/concurrency/keyed-queue.js';
import { latch } from '../support/latch.js';

test('work of a key waits for the earlier work of that key, and other keys continue', async () => {
  const byKey = new KeyedQueue();
  const seen: string[] = [];
  const [first, other] = [latch(), latch()];
  byKey.add('a', async () => {
    await first.opened;
    seen.push('a1');
  });
  byKey.add('a', async () => void seen.push('a2'));
  byKey.add('b', async () => {
    seen.push('b1');
    other.open();
  });
  await other.opened;
  expect(seen).toEqual(['b1']);
  first.open();
  await byKey.allDone();
  expect(seen).toEqual(['b1', 'a1', 'a2']);
});
