import { describe, expect, test } from '@jest/globals';
import { nextDeadline } from '../../src/order/deadlines.js';
import { later } from '../../src/order/time.js';
import { toView } from '../../src/order/view.js';
import { oneOfA, receive, requestReturn, states } from './examples.js';
import { eventTypes } from './specification.js';

const minute = 60 * 1000;
const day = 24 * 60 * minute;

test('a resumption changes nothing that people see, and makes no effect owed', () => {
  const { confirmed, resumed } = states;
  const { version: _, updatedAt: _at, ...view } = toView(resumed.order);
  expect(toView(confirmed.order)).toMatchObject(view);
  expect(resumed.order.owed).toEqual(confirmed.order.owed);
  expect(eventTypes(resumed, confirmed)).toEqual(['OrderResumed']);
});

test('an effect stays owed after a resumption, under the same key', () => {
  for (const state of [states.authorizing, states.deducting, states.capturing, states.cancelling])
    expect(state.resume().order.owed).toEqual(state.order.owed);
});

describe('a deadline that passed while the workflow was away is a quarter of an hour later', () => {
  test.each([
    ['payment-deadline', states.paymentPending, 2 * day, 'PaymentTimedOut'],
    ['authorization-expiry', states.confirmed, 8 * day, 'AuthorizationExpired'],
    ['return-window', states.completed, 31 * day, 'OrderClosed'],
  ] as const)('%s', (name, before, away, event) => {
    const resumed = before.away(away).resume();
    expect(nextDeadline(resumed.order)).toEqual({ name, at: later(resumed.now, 15 * minute) });
    expect(eventTypes(resumed.wait(14 * minute), before)).toEqual(['OrderResumed']);
    expect(eventTypes(resumed.wait(15 * minute), before).slice(0, 2)).toEqual(['OrderResumed', event]);
  });

  test('unless it is still ahead', () => {
    const { resumed, confirmed } = states;
    expect(nextDeadline(resumed.order)).toEqual(nextDeadline(confirmed.order));
  });

  test('and a return that came meanwhile is accepted', () => {
    const resumed = states.completed.away(31 * day).resume();
    const returned = resumed.do(requestReturn(oneOfA), receive()).settleAll();
    expect(eventTypes(returned, resumed)).toContain('PaymentRefunded');
    expect(returned.order.closed).toBe(false);
  });
});
