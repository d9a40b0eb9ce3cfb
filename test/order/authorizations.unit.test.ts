import { describe, expect, test } from '@jest/globals';
import type { PaymentFact } from '../../src/order/commands.js';
import { nextDeadline } from '../../src/order/deadlines.js';
import { isFinished } from '../../src/order/order.js';
import { toView } from '../../src/order/view.js';
import { amend, cancel, capture, day, dispatch, hour, oneOfA, ship, states, total } from './examples.js';
import { eventTypes, given, owedTypes } from './specification.js';

const reference = states.authorizing.owed('authorize').key;
const authorized: PaymentFact = { reference, authorizationId: 'pay-1', outcome: 'authorized' };
const declined: PaymentFact = { reference, authorizationId: 'pay-1', outcome: 'declined', code: 'no_funds' };

describe('a pending payment', () => {
  test('has a deadline that starts with the provider’s answer', () => {
    const later = states.authorizing.wait(5 * hour);
    const pending = given(later)
      .whenSettled('authorize', { type: 'pending', authorizationId: 'pay-1' })
      .thenEvents({
        type: 'PaymentPending',
        data: { authorizationId: 'pay-1', amount: total, deadline: '2026-01-02T05:00:00.000Z' },
      });
    expect(nextDeadline(pending.order)).toEqual({ name: 'payment-deadline', at: '2026-01-02T05:00:00.000Z' });
    expect(toView(pending.order).paymentStatus).toBe('pending');
  });
  test('is authorized by a webhook', () => {
    given(states.paymentPending.wait(hour))
      .whenLearned(authorized)
      .thenEvents(
        {
          type: 'PaymentAuthorized',
          data: { authorizationId: 'pay-1', amount: total, expiresAt: '2026-01-08T01:00:00.000Z' },
        },
        { type: 'OrderConfirmed', data: {} },
      );
  });
  test('is declined by a webhook, with or without a reason', () => {
    given(states.paymentPending)
      .whenLearned(declined)
      .thenEvents(
        { type: 'PaymentDeclined', data: { authorizationId: 'pay-1', code: 'no_funds' } },
        { type: 'OrderRejected', data: { reason: 'payment_declined', detail: 'no_funds' } },
      );
    const { code: _, ...silent } = declined;
    const rejected = states.paymentPending.learn(silent);
    expect(rejected.order).toMatchObject({ status: 'rejected', declined: 'declined' });
    expect(owedTypes(rejected.order)).toEqual(['release']);
  });
  test('expires the order if it is never settled: stock is released, the payment voided', () => {
    const expired = given(states.paymentPending)
      .whenPassed(day)
      .thenEvents(
        { type: 'PaymentTimedOut', data: { authorizationId: 'pay-1' } },
        { type: 'OrderExpired', data: {} },
      );
    expect(owedTypes(expired.order)).toEqual(['void', 'release']);
    expect(nextDeadline(expired.order)).toBeUndefined();
    expect(isFinished(expired.settleAll().order)).toBe(true);
  });
  test('is voided if a late webhook authorizes it after the order expired', () => {
    const late = states.paymentPending.wait(day).learn(authorized);
    expect(late.order.status).toBe('expired');
    expect(late.settleAll().order.authorizations).toMatchObject([{ status: 'voided' }]);
    given(late.settleAll()).whenLearned(authorized).thenRefused({ code: 'payment_not_pending' });
    given(states.paymentPending.wait(day))
      .whenLearned(declined)
      .thenRefused({ code: 'payment_not_wanted', message: 'nothing waits for payment pay-1 any more' });
  });
  test('is not changed by a webhook once the order is cancelled', () => {
    const cancelled = states.paymentPending.do(cancel);
    given(cancelled).whenLearned(declined).thenRefused({ code: 'payment_not_wanted' });
    expect(cancelled.learn(authorized).settleAll().order).toMatchObject({
      status: 'cancelled',
      authorizations: [{ status: 'voided' }],
    });
  });
  test('is voided once a new method replaces it, whatever the webhook says', () => {
    const topUp = states.confirmed
      .do(ship(oneOfA), ship(), dispatch('s1'), dispatch('s2'))
      .settle('deduct')
      .settle('deduct')
      .settle('capture', { type: 'declined', code: 'no' })
      .settle('capture', { type: 'expired' })
      .settle('authorize', { type: 'pending', authorizationId: 'pay-2' })
      .do(capture('tok_new'));
    const fact = { reference: 'o-1:authorize:0', authorizationId: 'pay-2' };
    given(topUp)
      .whenLearned({ ...fact, outcome: 'declined' })
      .thenRefused({ code: 'payment_not_wanted' });
    const done = topUp.learn({ ...fact, outcome: 'authorized' }).settleAll();
    expect(done.order.authorizations[1]).toMatchObject({ status: 'voided', captured: 0 });
    expect(toView(done.order).captured).toBe(total);
  });
});

describe('a webhook that comes before the answer to the authorization counts as that answer', () => {
  test('and authorizes the payment', () => {
    const confirmed = states.authorizing.learn(authorized);
    expect(confirmed.order).toMatchObject({ status: 'confirmed', owed: [] });
    expect(confirmed.order.authorizations).toMatchObject([{ reference, amount: total }]);
    const { owed } = states.authorizing.order;
    given(confirmed)
      .whenAnswered<'authorize'>(states.authorizing.owed('authorize'), {
        type: 'pending',
        authorizationId: 'pay-1',
      })
      .thenEvents();
    expect(owed).toHaveLength(1);
  });
  test('and declines the payment', () => {
    given(states.authorizing)
      .whenLearned(declined)
      .thenEvents(
        { type: 'PaymentDeclined', data: { code: 'no_funds' } },
        { type: 'OrderRejected', data: { reason: 'payment_declined', detail: 'no_funds' } },
      );
    const { code: _, ...silent } = declined;
    expect(states.authorizing.learn(silent).order.declined).toBe('declined');
  });
});

describe('a webhook is refused', () => {
  test('about a payment that is authorized already', () =>
    given(states.confirmed).whenLearned(authorized).thenRefused({
      code: 'payment_not_pending',
      message: 'payment pay-1 is authorized already',
    }));
  test('about an unknown payment', () =>
    given(states.confirmed)
      .whenLearned({ ...authorized, authorizationId: 'pay-9' })
      .thenRefused({ code: 'payment_unknown' }));
  test('about an effect other than an authorization', () =>
    given(states.capturing)
      .whenLearned({
        ...authorized,
        authorizationId: 'pay-9',
        reference: states.capturing.owed('capture').key,
      })
      .thenRefused({ code: 'payment_unknown' }));
});

describe('an authorization', () => {
  test('expires after its time', () => {
    expect(nextDeadline(states.confirmed.order)).toEqual({
      name: 'authorization-expiry',
      at: '2026-01-08T00:00:00.000Z',
    });
    const expired = given(states.confirmed)
      .whenPassed(7 * day)
      .thenEvents({ type: 'AuthorizationExpired', data: { authorizationId: 'pay-1' } });
    expect(toView(expired.order)).toMatchObject({ status: 'confirmed', authorized: 0 });
    expect(nextDeadline(expired.order)).toBeUndefined();
  });
  test('does not lapse while its capture is under way: the answer decides', () => {
    expect(nextDeadline(states.capturing.order)).toBeUndefined();
    const expired = given(states.capturing)
      .whenSettled('capture', { type: 'expired' })
      .thenEvents({ type: 'AuthorizationExpired', data: { authorizationId: 'pay-1' } });
    expect(expired.owed('authorize').amount).toBe(total);
    expect(toView(expired.settleAll().order).captured).toBe(total);
  });
  test('may have lapsed when its void is settled', () => {
    const lapsed = given(states.cancelling)
      .whenSettled('void', { type: 'expired' })
      .thenEvents({ type: 'AuthorizationExpired', data: { authorizationId: 'pay-1' } });
    expect(isFinished(lapsed.settle('release').order)).toBe(true);
  });
  test('that is partly captured is renewed only for the amount that is missing', () => {
    const late = states.partlyDispatched
      .wait(8 * day)
      .do(ship(), dispatch('s2'))
      .settle('deduct');
    expect(late.owed('authorize').amount).toBe(total - 2320);
  });
  test('that expires first of several is the next deadline', () => {
    const amended = states.confirmed
      .do(amend({ sku: 'A-1', quantity: 3 }))
      .wait(day)
      .settleAll();
    expect(nextDeadline(amended.order)?.at).toBe('2026-01-08T00:00:00.000Z');
    const both = amended.wait(8 * day);
    expect(eventTypes(both, amended)).toEqual(['AuthorizationExpired', 'AuthorizationExpired']);
  });
});

test('the end of the return window is a deadline of a completed order that owes nothing', () => {
  const at = '2026-01-31T00:00:00.000Z';
  expect(nextDeadline(states.completed.order)).toEqual({ name: 'return-window', at });
  expect(nextDeadline(states.returned.order)).toBeUndefined();
  expect(nextDeadline(states.returning.order)).toBeUndefined();
  expect(nextDeadline(states.refunded.order)).toEqual({ name: 'return-window', at });
  expect(nextDeadline(states.closed.order)).toBeUndefined();
});
