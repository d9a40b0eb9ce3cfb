import { expect, test } from '@jest/globals';
import { atMost } from '../../src/platform/at-most.js';

test('no more than so many are under way, whether they succeed or fail, and all have their turn in order', async () => {
  const twoAtOnce = atMost(2);
  const begun: number[] = [];
  let underWay = 0;
  let most = 0;
  const results = await Promise.allSettled(
    [1, 2, 3, 4, 5].map((number) =>
      twoAtOnce(async () => {
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
  expect(most).toBe(2);
  expect(results.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
});
