import { describe, expect, test } from '@jest/globals';
import { toView } from '../../src/order/view.js';
import {
  amend,
  capture,
  create,
  day,
  deliver,
  dispatch,
  oneOfA,
  oneOfB,
  ship,
  states,
  total,
  writeOff,
} from './examples.js';
import { Scenario, eventTypes, given, owedTypes } from './specification.js';

test('a capture is recorded with its shipment, its authorization and its amount', () => {
  given(states.capturing)
    .whenSettled('capture', { type: 'captured', captureId: 'cap-1' })
    .thenEvents({
      type: 'PaymentCaptured',
      data: { captureId: 'cap-1', shipmentId: 's1', authorizationId: 'pay-1', amount: total },
    });
});

describe('a declined capture', () => {
  test('holds the order', () => {
    given(states.capturing)
      .whenSettled('capture', { type: 'declined', code: 'no_funds' })
      .thenEvents(
        { type: 'CaptureDeclined', data: { shipmentId: 's1', amount: total, code: 'no_funds' } },
        { type: 'OrderHeld', data: { cause: 'capture_declined', reason: 'the capture was declined' } },
      );
    expect(owedTypes(states.captureDeclined.order)).toEqual([]);
  });
  test('follows when authorizations keep lapsing before their time', () => {
    const lapse = (order: typeof states.capturing) => order.settle('capture', { type: 'expired' });
    let lapsed = states.capturing;
    for (let count = 0; count < 3; count += 1) lapsed = lapse(lapsed).settle('authorize');
    const declined = given(lapsed)
      .whenSettled('capture', { type: 'expired' })
      .thenEvents(
        { type: 'CaptureDeclined', data: { shipmentId: 's1', amount: total, code: 'authorization_expired' } },
        { type: 'AuthorizationExpired', data: { authorizationId: lapsed.owed('capture').authorizationId } },
        { type: 'OrderHeld', data: { cause: 'capture_declined', reason: 'the capture was declined' } },
      );
    expect(owedTypes(declined.order)).toEqual([]);
    expect(toView(declined.order)).toMatchObject({ authorized: 0, captured: 0 });
    const again = declined.do(capture());
    expect(again.owed('authorize').amount).toBe(total);
    expect(toView(again.settleAll().order).captured).toBe(total);
    // Authorizations that expired on time do not count towards giving up.
    expect(eventTypes(lapse(lapsed.wait(8 * day)), lapsed.wait(8 * day))).toEqual(['AuthorizationExpired']);
  });
  test('is retried under a new key, and the hold is released once it is paid', () => {
    const again = given(states.captureDeclined)
      .when(capture())
      .thenEvents({ type: 'CaptureRequested', data: {} });
    expect(again.owed('capture')).toMatchObject({ authorizationId: 'pay-1', amount: total });
    expect(again.owed('capture').key).not.toBe(states.capturing.owed('capture').key);
    expect(eventTypes(again.settle('capture'), again)).toEqual(['PaymentCaptured', 'OrderReleased']);
  });
  test('that is declined again stays held, once', () => {
    const again = states.captureRetrying.settle('capture', { type: 'declined', code: 'no_funds' });
    expect(eventTypes(again, states.captureRetrying)).toEqual(['CaptureDeclined']);
    expect(again.order.holds).toHaveLength(1);
  });
  test('with a new method: the new one is authorized first, the old one voided after the capture', () => {
    const retried = given(states.captureDeclined)
      .when(capture('tok_new'))
      .thenEvents({ type: 'CaptureRequested', data: { payment: { method: 'tok_new' } } });
    expect(retried.owed('authorize')).toMatchObject({ method: 'tok_new', amount: total });
    const done = retried.settleAll();
    expect(done.order.authorizations).toMatchObject([
      { captured: 0, status: 'voided', retired: true },
      { captured: total, status: 'authorized', retired: false },
    ]);
  });
  test('with a new method that is declined too waits for a command again', () => {
    const declined = states.captureDeclined
      .do(capture('tok_new'))
      .settle('authorize', { type: 'declined', code: 'no_funds' });
    expect(toView(declined.order).allowedCommands).toEqual(['capture', 'write-off', 'notes']);
    expect(declined.order.declined).toBeUndefined();
  });
  test('with a new method that stays pending waits for a command after the time-out', () => {
    const pending = states.captureDeclined
      .do(capture('tok_new'))
      .settle('authorize', { type: 'pending', authorizationId: 'pay-2' });
    const timedOut = pending.wait(day);
    expect(eventTypes(timedOut, pending)).toEqual(['PaymentTimedOut']);
    expect(toView(timedOut.settleAll().order).allowedCommands).toEqual(['capture', 'write-off', 'notes']);
  });
  test('that is written off is recorded with its amount, and the authorization is voided', () => {
    const written = given(states.captureDeclined)
      .when(writeOff)
      .thenEvents(
        { type: 'CaptureWrittenOff', data: { amount: total, reason: 'too small to chase' } },
        { type: 'OrderReleased', data: { cause: 'capture_declined' } },
      );
    expect(owedTypes(written.order)).toEqual(['void']);
    expect(written.do(deliver()).order.status).toBe('completed');
  });
  test('of one shipment does not stop the capture of another', () => {
    const both = states.confirmed.do(ship(oneOfA), ship(), dispatch('s1'), dispatch('s2'));
    const declined = both
      .settle('deduct')
      .settle('deduct')
      .settle('capture', { type: 'declined', code: 'no' });
    expect(declined.owed('capture').shipmentId).toBe('s2');
    const written = declined.settle('capture').do(writeOff);
    expect(eventTypes(written).slice(-2)).toEqual(['CaptureWrittenOff', 'OrderReleased']);
    expect(toView(written.order)).toMatchObject({
      captured: total - 2320,
      paymentStatus: 'partially_captured',
    });
  });
});

test('what a replaced method had authorized no longer counts, even before it is voided', () => {
  const most = Number.MAX_SAFE_INTEGER;
  const lines = [{ sku: 'A-1', quantity: 1, unitPrice: most }];
  const replaced = Scenario.empty
    .do(create({ lines, shippingFee: 0, tax: 0, discount: 0 }))
    .settleAll()
    .do(ship(), dispatch())
    .settle('deduct')
    .settle('capture', { type: 'declined', code: 'no_funds' })
    .do(capture('tok_new'))
    .settle('authorize');
  expect(replaced.order.authorizations).toMatchObject([{ amount: most }, { amount: most }]);
  expect(toView(replaced.order).authorized).toBe(most);
});

describe('a capture from several authorizations', () => {
  const amended = states.amendmentAuthorizing.settleAll().do(ship(), dispatch()).settle('deduct');

  test('uses one after the other', () => {
    expect(amended.owed('capture')).toMatchObject({ authorizationId: 'pay-1', amount: total });
    expect(amended.settle('capture').owed('capture').amount).toBe(1499);
  });
  test('that is declined half-way is retried or written off for the rest', () => {
    const half = amended.settle('capture').settle('capture', { type: 'declined', code: 'no' });
    given(half)
      .when(writeOff)
      .thenEvents(
        { type: 'CaptureWrittenOff', data: { amount: 1499, reason: 'too small to chase' } },
        { type: 'OrderReleased', data: { cause: 'capture_declined' } },
      );
    expect(half.do(capture()).owed('capture').amount).toBe(1499);
    expect(half.do(capture('tok_new')).owed('authorize').amount).toBe(1499);
  });
});

describe('a method that is replaced while it is being authorized', () => {
  // The capture of s1 is declined. For s2, whose authorization has expired, the old method is being
  // authorized when the new one arrives.
  const asking = states.confirmed
    .do(ship(oneOfA), ship(), dispatch('s1'), dispatch('s2'))
    .settle('deduct')
    .settle('deduct')
    .settle('capture', { type: 'declined', code: 'no' })
    .settle('capture', { type: 'expired' })
    .do(capture('tok_new'));

  test('decides nothing if it is declined: the new method is authorized', () => {
    expect(asking.owed('authorize').method).toBe('tok_ok');
    const declined = asking.settle('authorize', { type: 'declined', code: 'no' });
    expect(eventTypes(declined, asking)).toEqual(['PaymentDeclined']);
    expect(declined.order.shipments.map(({ charge }) => charge?.status)).toEqual(['due', 'due']);
    expect(declined.owed('authorize')).toMatchObject({ method: 'tok_new', amount: 2320 });
  });
  test('is not captured if it is authorized', () => {
    const done = asking.settleAll();
    const [, old, ...others] = done.order.authorizations;
    expect(old).toMatchObject({ retired: true, captured: 0, status: 'voided' });
    expect(others.map(({ captured }) => captured)).toEqual([2320, 2901]);
  });
  test('counts if its capture was under way', () => {
    const both = states.confirmed.do(ship(oneOfA), ship(), dispatch('s1'), dispatch('s2'));
    const replaced = both
      .settle('deduct')
      .settle('deduct')
      .settle('capture', { type: 'declined', code: 'no' })
      .do(capture('tok_new'));
    expect(replaced.owed('capture')).toMatchObject({ shipmentId: 's2', authorizationId: 'pay-1' });
    const captured = replaced.settle('capture');
    expect(captured.order.authorizations).toMatchObject([{ captured: 2901, retired: true }]);
    expect(owedTypes(captured.order)).toEqual(['authorize', 'void']);
  });
});

test('a declined payment counts for the shipment whose goods have left the stock', () => {
  const s2First = states.confirmed
    .do(ship(oneOfA), ship(oneOfB))
    .wait(8 * day)
    .do(dispatch('s2'))
    .settle('deduct');
  const declined = s2First.do(dispatch('s1')).settle('authorize', { type: 'declined', code: 'no' });
  expect(declined.order.shipments.map(({ charge }) => charge?.status)).toEqual(['due', 'declined']);
});

test('an amended order is paid as amended', () => {
  const amended = states.confirmed.do(amend(oneOfB)).settleAll().do(ship(), dispatch()).settleAll();
  expect(toView(amended.order)).toMatchObject({ total: 1223, captured: 1223 });
});
