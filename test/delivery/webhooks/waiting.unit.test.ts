import { expect, test } from '@jest/globals';
import { DOWN_AFTER, RETRY_POLICY } from '../../../src/delivery/health.js';
import { afterFailure, waitingRow } from '../../../src/delivery/webhooks/waiting.js';
import type { PositionedEvent } from '../../../src/log/feed/feed.js';

const now = Date.parse('2026-01-10T12:00:00.000Z');
const later = (ms: number) => new Date(now + ms);
const event = { orderId: 'o1', version: 3, position: 7, type: 'OrderCreated' } as PositionedEvent;
const failed = { failure: 'HTTP 500', retryAfterMs: 0, attempts: 1, failingSince: undefined };

test('an event that was not sent is tried immediately', () => {
  expect(waitingRow('e1', event, 'later', now, RETRY_POLICY)).toEqual({
    _id: 'e1/o1:3',
    endpointId: 'e1',
    orderId: 'o1',
    version: 3,
    position: 7,
    type: 'OrderCreated',
    attempts: 0,
    nextTryAt: later(0),
  });
});

test('an event that failed waits, and the time of the first failure is kept', () => {
  const row = waitingRow('e1', event, { failure: 'HTTP 500', retryAfterMs: 0 }, now, RETRY_POLICY);
  expect(row).toMatchObject({ attempts: 1, failure: 'HTTP 500', failingSince: later(0).toISOString() });
  expect(row.nextTryAt).toEqual(later(RETRY_POLICY.firstRetryMs));
});

test('the pause doubles, and is as long as the receiver asks', () => {
  const failingSince = later(-1_000).toISOString();
  const third = { ...failed, attempts: 3, failingSince };
  expect(afterFailure(third, now, RETRY_POLICY)).toEqual({
    attempts: 3,
    failure: 'HTTP 500',
    failingSince,
    nextTryAt: later(4 * RETRY_POLICY.firstRetryMs),
  });
  const asked = afterFailure({ ...third, retryAfterMs: 3_000_000 }, now, RETRY_POLICY);
  expect(asked.nextTryAt).toEqual(later(3_000_000));
});

test('an event is parked only after many attempts and a long time', () => {
  const old = later(-RETRY_POLICY.giveUpAfterMs).toISOString();
  const parked = afterFailure({ ...failed, attempts: DOWN_AFTER, failingSince: old }, now, RETRY_POLICY);
  expect(parked).toMatchObject({ parkedAt: later(0).toISOString() });
  expect(parked.nextTryAt).toBeUndefined();
  const tooFew = afterFailure({ ...failed, attempts: DOWN_AFTER - 1, failingSince: old }, now, RETRY_POLICY);
  expect(tooFew.parkedAt).toBeUndefined();
  const recent = later(-1_000).toISOString();
  const tooSoon = afterFailure({ ...failed, attempts: DOWN_AFTER, failingSince: recent }, now, RETRY_POLICY);
  expect(tooSoon.parkedAt).toBeUndefined();
});
