import { expect, test } from '@jest/globals';
import { retryUntilDone } from '../../src/concurrency/retry-until-done.js';

test('work is attempted until it succeeds, and each attempt is reported', async () => {
  const reports: unknown[] = [];
  const health = {
    failed: (error: unknown) => reports.push(error),
    worked: () => reports.push('worked'),
  };
  let attempts = 0;
  const work = async () => {
    attempts += 1;
    if (attempts < 3) throw attempts;
  };
  const backOff = { firstRetryMs: 1, maxRetryMs: 1 };
  await retryUntilDone(work, { signal: new AbortController().signal, backOff, health });
  expect(reports).toEqual([1, 2, 'worked']);
});

test('retrying ends when it is aborted, also during a pause', async () => {
  const stopping = new AbortController();
  let attempts = 0;
  const work = async () => {
    attempts += 1;
    stopping.abort();
    throw new Error('away');
  };
  const backOff = { firstRetryMs: 3_600_000, maxRetryMs: 3_600_000 };
  await retryUntilDone(work, { signal: stopping.signal, backOff });
  expect(attempts).toBe(1);
});
