import { expect, test } from '@jest/globals';
import { loadOf } from '../../../src/cli/sandbox/load.js';

test('a load counts only accepted orders, and only their times', () => {
  const times = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(loadOf(103, times, new Map([['overloaded', 3]]), 2)).toEqual({
    sent: 103,
    accepted: 100,
    failed: { overloaded: 3 },
    perSecond: 50,
    p50: 50,
    p95: 95,
    p99: 99,
    longest: 100,
  });
  expect(loadOf(1, [], new Map([['overloaded', 1]]), 1)).toMatchObject({ accepted: 0, p50: 0, longest: 0 });
});
