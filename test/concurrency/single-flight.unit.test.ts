import { expect, test } from '@jest/globals';
import { createSingleFlight } from '../../src/concurrency/single-flight.js';

test('work under way is shared by its key, and runs again later; a failure is not kept', async () => {
  const sharing = createSingleFlight<number>();
  let count = 0;
  const work = async () => (count += 1);
  expect(await Promise.all([sharing('a', work), sharing('a', work), sharing('b', work)])).toEqual([1, 1, 2]);
  expect(await sharing('a', work)).toBe(3);
  const failing = () => Promise.reject(new Error('away'));
  const outcomes = await Promise.allSettled([sharing('a', failing), sharing('a', work)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await sharing('a', work)).toBe(4);
});
