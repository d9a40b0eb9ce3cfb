import { describe, expect, test } from '@jest/globals';
import { isFinished } from '../../src/order/order.js';
import { toView } from '../../src/order/view.js';
import { allLines, amend, cancel, dispatch, hold, oneOfA, oneOfB, ship, states } from './examples.js';
import { eventTypes, given, owedTypes } from './specification.js';

test('a cancellation records what it cancels', () => {
  given(states.confirmed)
    .when(cancel)
    .thenEvents({ type: 'OrderCancelled', data: { reason: 'changed my mind', lines: allLines } });
  given(states.partlyDispatched)
    .when(cancel)
    .thenEvents({ type: 'OrderCancelled', data: { reason: 'changed my mind', lines: [oneOfA, oneOfB] } });
});

test('a cancellation releases the stock and voids the authorization, then the order is finished', () => {
  expect(owedTypes(states.cancelling.order)).toEqual(['release', 'void']);
  const released = given(states.cancelling)
    .whenSettled('release')
    .thenEvents({ type: 'StockReleased', data: { lines: allLines } });
  const voided = given(released)
    .whenSettled('void')
    .thenEvents({ type: 'AuthorizationVoided', data: { authorizationId: 'pay-1', amount: 5221 } });
  expect(isFinished(voided.order)).toBe(true);
  expect(toView(voided.order)).toMatchObject({ status: 'cancelled', paymentStatus: 'voided', authorized: 0 });
});

describe('a cancellation during a reservation', () => {
  const cancelling = states.reserving.do(cancel);

  test('keeps it owed under its key, and owes nothing else', () => {
    expect(cancelling.order.owed).toEqual(states.reserving.order.owed);
    expect(isFinished(cancelling.order)).toBe(false);
  });
  test('releases what was reserved', () => {
    const reserved = cancelling.settle('reserve');
    expect(owedTypes(reserved.order)).toEqual(['release']);
    expect(isFinished(reserved.settle('release').order)).toBe(true);
  });
  test('releases nothing if nothing was reserved', () => {
    const refused = cancelling.settle('reserve', { type: 'out_of_stock', missing: [] });
    expect(refused.order.status).toBe('cancelled');
    expect(isFinished(refused.order)).toBe(true);
  });
});

describe('a cancellation during an authorization', () => {
  const cancelling = states.authorizing.do(cancel);

  test('releases the stock immediately, and the authorization stays owed', () =>
    expect(owedTypes(cancelling.order)).toEqual(['authorize', 'release']));
  test('voids what was authorized', () => {
    const authorized = cancelling.settle('release').settle('authorize');
    expect(authorized.order.status).toBe('cancelled');
    expect(owedTypes(authorized.order)).toEqual(['void']);
    expect(isFinished(authorized.settle('void').order)).toBe(true);
  });
  test('voids what is pending, which never times out', () => {
    const pending = cancelling.settle('authorize', { type: 'pending', authorizationId: 'pay-1' });
    expect(owedTypes(pending.order)).toEqual(['release', 'void']);
    expect(eventTypes(pending.wait(100 * 86_400_000))).not.toContain('PaymentTimedOut');
  });
  test('voids nothing if the authorization was declined', () => {
    const declined = cancelling.settle('release').settle('authorize', { type: 'declined', code: 'no' });
    expect(declined.order.status).toBe('cancelled');
    expect(isFinished(declined.order)).toBe(true);
  });
});

describe('a cancellation during a capture', () => {
  const cancelling = states.partlyInShipment.do(dispatch()).settle('deduct').do(cancel);

  test('does not void the authorization before the capture is settled', () =>
    expect(owedTypes(cancelling.order)).toEqual(['capture', 'release']));
  test('leaves what was captured, which pays for goods on their way', () => {
    const captured = cancelling.settle('release').settle('capture');
    expect(owedTypes(captured.order)).toEqual(['void']);
    const voided = given(captured)
      .whenSettled('void')
      .thenEvents({ type: 'AuthorizationVoided', data: { authorizationId: 'pay-1', amount: 5221 - 2320 } });
    expect(toView(voided.order)).toMatchObject({ status: 'confirmed', captured: 2320, authorized: 2320 });
  });
  test('keeps the authorization for another try if the capture was declined', () => {
    const declined = cancelling.settle('release').settle('capture', { type: 'declined', code: 'no' });
    expect(owedTypes(declined.order)).toEqual([]);
    expect(toView(declined.order).allowedCommands).toEqual(['capture', 'write-off', 'notes']);
  });
});

test('a cancellation during a deduction releases only the other goods', () => {
  const cancelling = states.partlyInShipment.do(dispatch(), cancel);
  expect(owedTypes(cancelling.order)).toEqual(['deduct', 'release']);
  expect(cancelling.owed('release').lines).toEqual([oneOfA, oneOfB]);
  expect(cancelling.settle('release').settle('deduct').order.reserved).toEqual([]);
});

test('a cancellation cancels undispatched shipments, and leaves the others', () => {
  const cancelled = states.partlyDispatched.do(ship(oneOfB), cancel);
  expect(cancelled.order.shipments.map(({ status }) => status)).toEqual(['dispatched', 'cancelled']);
  given(cancelled).when(dispatch('s2')).thenRefused({ message: 'shipment s2 is cancelled' });
});

test('a cancellation ends an unfinished amendment, whatever its effects answer', () => {
  const reserving = states.amendmentReserving.do(cancel);
  expect(reserving.order.amendment).toBeUndefined();
  const reserved = reserving.settle('void').settle('reserve');
  expect(reserved.owed('release').lines).toEqual([{ sku: 'A-1', quantity: 3 }, oneOfB]);
  expect(isFinished(reserved.settle('release').order)).toBe(true);

  const authorizing = states.amendmentAuthorizing.do(cancel);
  expect(owedTypes(authorizing.order)).toEqual(['authorize', 'release']);
  const authorized = authorizing.settleAll();
  expect(authorized.order.authorizations.map(({ status }) => status)).toEqual(['voided', 'voided']);
});

test('a cancellation removes the holds of operators', () => {
  expect(states.held.do(cancel).order.holds).toEqual([]);
  expect(states.partlyDispatched.do(hold, cancel).order.holds).toEqual([]);
  expect(states.captureDeclinedPartly.do(hold, cancel).order.holds).toMatchObject([
    { cause: 'capture_declined' },
  ]);
});

test('an amendment is refused once the order is cancelled', () =>
  given(states.cancelling).when(amend(oneOfA)).thenRefused({ message: 'the order is cancelled' }));
