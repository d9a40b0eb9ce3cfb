import { expect, test } from '@jest/globals';
import { createThrottledMutex } from '../../src/concurrency/throttled-mutex.js';

test('one piece of work runs at a time, whether it succeeds or fails, and all run in order', async () => {
  const oneAtATime = createThrottledMutex();
  const begun: number[] = [];
  let underWay = 0;
  let most = 0;
  const results = await Promise.allSettled(
    [1, 2, 3, 4, 5].map((number) =>
      oneAtATime(async () => {
        begun.push(number);
        most = Math.max(most, (underWay += 1));
        await new Promise(setImmediate);
        underWay -= 1;
        if (number % 2 === 0) throw new Error('it fails');
        return number;
      }),
    ),
  );
  expect(begun).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(1);
  expect(results.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
});

test('it stays locked after a piece of work for as long as the piece took, if others wait', async () => {
  const pauses: number[] = [];
  const throttled = createThrottledMutex(async (ms) => {
    pauses.push(ms);
  });
  const tookMs: number[] = [];
  const work = async () => {
    const startedAt = performance.now();
    while (performance.now() - startedAt < 3) await new Promise(setImmediate);
    tookMs.push(performance.now() - startedAt);
  };
  await Promise.all([throttled(work), throttled(work), throttled(work)]);
  expect(pauses).toHaveLength(2);
  for (const [index, pause] of pauses.entries()) expect(pause).toBeGreaterThanOrEqual(tookMs[index] ?? 0);
});
