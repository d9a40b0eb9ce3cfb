import { expect, test } from '@jest/globals';
import { DOWN_AFTER, patience } from '../../../src/delivery/health.js';
import { afterFailure, waitingRow } from '../../../src/delivery/webhooks/waiting.js';
import type { PositionedEvent } from '../../../src/log/feed/feed.js';

const now = Date.parse('2026-01-10T12:00:00.000Z');
const later = (ms: number) => new Date(now + ms);
const event = { orderId: 'o1', version: 3, position: 7, type: 'OrderCreated' } as PositionedEvent;
const failed = { failure: 'HTTP 500', retryAfterMs: 0, attempts: 1, failingSince: undefined };

test('an event that was not sent is tried at once', () => {
  expect(waitingRow('e1', event, 'later', now, patience)).toEqual({
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
  const row = waitingRow('e1', event, { failure: 'HTTP 500', retryAfterMs: 0 }, now, patience);
  expect(row).toMatchObject({ attempts: 1, failure: 'HTTP 500', failingSince: later(0).toISOString() });
  expect(row.nextTryAt).toEqual(later(patience.firstRetryMs));
});

test('the pause doubles, and is as long as the receiver asks', () => {
  const failingSince = later(-1_000).toISOString();
  const third = { ...failed, attempts: 3, failingSince };
  expect(afterFailure(third, now, patience)).toEqual({
    attempts: 3,
    failure: 'HTTP 500',
    failingSince,
    nextTryAt: later(4 * patience.firstRetryMs),
  });
  const asked = afterFailure({ ...third, retryAfterMs: 3_000_000 }, now, patience);
  expect(asked.nextTryAt).toEqual(later(3_000_000));
});

test('an event is parked only after many attempts and a long time', () => {
  const old = later(-patience.giveUpAfterMs).toISOString();
  const parked = afterFailure({ ...failed, attempts: DOWN_AFTER, failingSince: old }, now, patience);
  expect(parked).toMatchObject({ parkedAt: later(0).toISOString() });
  expect(parked.nextTryAt).toBeUndefined();
  const tooFew = afterFailure({ ...failed, attempts: DOWN_AFTER - 1, failingSince: old }, now, patience);
  expect(tooFew.parkedAt).toBeUndefined();
  const recent = later(-1_000).toISOString();
  const tooSoon = afterFailure({ ...failed, attempts: DOWN_AFTER, failingSince: recent }, now, patience);
  expect(tooSoon.parkedAt).toBeUndefined();
});
