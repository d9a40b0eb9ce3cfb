import { expect, test } from '@jest/globals';
import { createSemaphore } from '../../src/concurrency/semaphore.js';

test('no more than the limit run at the same time, and each gets its turn', async () => {
  const limited = createSemaphore(2);
  let [running, most, done] = [0, 0, 0];
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done += 1;
  };
  await Promise.all(Array.from({ length: 10 }, () => limited(work)));
  expect({ most, done }).toEqual({ most: 2, done: 10 });
});
