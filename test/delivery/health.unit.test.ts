import { expect, test } from '@jest/globals';
import { backOffMs } from '../../src/concurrency/back-off.js';
import {
  DOWN_AFTER,
  failed,
  healthy,
  isDown,
  isGivenUp,
  isPaused,
  RETRY_POLICY,
  succeeded,
} from '../../src/delivery/health.js';

test('an event tried only a few times is not given up, however long that took', () => {
  const [since, now] = ['2026-01-01T00:00:00Z', Date.parse('2026-01-04T00:00:00Z')];
  const givenUp = [isGivenUp(2, since, now, RETRY_POLICY), isGivenUp(DOWN_AFTER, since, now, RETRY_POLICY)];
  expect([...givenUp, isGivenUp(DOWN_AFTER, since, now - 1, RETRY_POLICY)]).toEqual([false, true, false]);
});

test('retries come after longer and longer, and an endpoint that is down is paused', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect([1, 2, 3, 30].map((attempts) => backOffMs(attempts, RETRY_POLICY))).toEqual([
    5_000, 10_000, 20_000, 3_600_000,
  ]);
  let health = failed(healthy, now, RETRY_POLICY);
  expect(health).toEqual({ failures: 1, failingSince: '2026-01-01T00:00:00.000Z' });
  for (let count = 1; count < DOWN_AFTER; count += 1) health = failed(health, now + count, RETRY_POLICY);
  expect(health).toMatchObject({ failingSince: '2026-01-01T00:00:00.000Z' });
  expect([isDown(health), isPaused(health, now), isPaused(health, now + 3_600_000)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(isPaused(failed(healthy, now, RETRY_POLICY, 1_000), now + 999)).toBe(true);
  expect(succeeded(now)).toEqual({ failures: 0, lastSuccessAt: '2026-01-01T00:00:00.000Z' });
});
