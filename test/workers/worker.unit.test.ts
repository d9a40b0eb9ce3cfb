import { expect, test } from '@jest/globals';
import { failuresInARow } from '../../workers/roles/worker.js';

test('a worker that fails soon after each start is restarted at longer and longer intervals', () => {
  const soonMs = 500;
  const first = failuresInARow(0, soonMs);
  expect([first, failuresInARow(first, soonMs)]).toEqual([1, 2]);
});

test('the failure of a worker that ran for an hour is the first one again', () => {
  expect(failuresInARow(7, 3_600_000)).toBe(1);
});
