import { describe, expect, test } from '@jest/globals';
import { toView } from '../../src/order/view.js';
import {
  allLines,
  create,
  day,
  deliver,
  dispatch,
  oneOfA,
  oneOfB,
  receive,
  refund,
  requestReturn,
  ship,
  states,
  total,
  writeOff,
} from './examples.js';
import { Scenario, given, owedTypes } from './specification.js';

describe('a return', () => {
  test('is requested, received, restocked and refunded', () => {
    const requested = given(states.completed)
      .when(requestReturn(oneOfA))
      .thenEvents({
        type: 'ReturnRequested',
        data: { returnId: 'r1', lines: [oneOfA], reason: 'does not fit' },
      });
    const received = given(requested)
      .when(receive())
      .thenEvents(
        { type: 'ReturnReceived', data: { returnId: 'r1' } },
        {
          type: 'RefundRequested',
          data: { refundId: 'f1', amount: 2320, reason: 'does not fit', returnId: 'r1' },
        },
      );
    const restocked = given(received)
      .whenSettled('restock')
      .thenEvents({ type: 'StockRestocked', data: { returnId: 'r1' } });
    const refunded = given(restocked)
      .whenSettled('refund')
      .thenEvents({ type: 'PaymentRefunded', data: { refundId: 'f1', captureId: 'cap-1', amount: 2320 } });
    expect(toView(refunded.order)).toMatchObject({ paymentStatus: 'partially_refunded', refunded: 2320 });
  });
  test('is possible before the rest is delivered', () => {
    const returned = states.partlyDelivered.do(requestReturn(oneOfA), receive()).settleAll();
    expect(toView(returned.order)).toMatchObject({ refunded: 2320, status: 'confirmed' });
  });
  test.each([
    ['what is not delivered', oneOfB, 'quantity_too_large'],
    ['more than was delivered', { sku: 'A-1', quantity: 2 }, 'quantity_too_large'],
    ['what is not in the order', { sku: 'Z-9', quantity: 1 }, 'unknown_sku'],
    ['none', { sku: 'A-1', quantity: 0 }, 'invalid_quantity'],
  ])('is refused for %s', (_, line, code) =>
    given(states.partlyDelivered).when(requestReturn(line)).thenRefused({ kind: 'invalid', code }),
  );
  test('is refused for goods that are returned already', () =>
    given(states.returning)
      .when(requestReturn({ sku: 'A-1', quantity: 2 }))
      .thenRefused({ code: 'quantity_too_large', message: '1 of A-1 are delivered and not returned' }));
  test('cannot be received if it is unknown', () =>
    given(states.returning).when(receive('r9')).thenRefused({ kind: 'not_found', code: 'return_not_found' }));
  test('of unpaid goods waits for the capture, and refunds nothing if that is written off', () => {
    given(states.returningUnpaid).when(receive()).thenRefused({ kind: 'not_allowed' });
    const written = states.returningUnpaid.do(writeOff, receive());
    expect(written.order.refunds).toEqual([]);
    expect(owedTypes(written.order)).toContain('restock');
  });
  test('is restocked only after its goods have left the stock', () => {
    const lines = [
      { sku: 'A-1', quantity: 1, unitPrice: 100 },
      { sku: 'FREE', quantity: 1, unitPrice: 0 },
    ];
    const free = { sku: 'FREE', quantity: 1 };
    const returned = Scenario.empty
      .do(create({ lines }))
      .settleAll()
      .do(ship(free), dispatch(), deliver(), requestReturn(free), receive());
    expect(owedTypes(returned.order)).toEqual(['deduct']);
    expect(owedTypes(returned.settle('deduct').order)).toEqual(['restock']);
  });
  test('is restocked after another one that was received at the same time', () => {
    const two = states.completed.do(
      requestReturn(oneOfA),
      requestReturn(oneOfB),
      receive('r2'),
      receive('r1'),
    );
    expect(owedTypes(two.order)).toEqual(['restock', 'refund']);
    expect(two.owed('restock').returnId).toBe('r2');
    expect(two.settle('restock').owed('restock').returnId).toBe('r1');
    expect(two.settleAll().order.returns.every(({ restocked }) => restocked)).toBe(true);
  });
});

describe('a refund', () => {
  const twoCaptures = states.partlyDispatched.do(ship(), dispatch('s2')).settleAll();

  test('is spread over the captures that it needs', () => {
    const requested = given(twoCaptures)
      .when(refund(3000))
      .thenEvents({ type: 'RefundRequested', data: { refundId: 'f1', amount: 3000, reason: 'sorry' } });
    // 3000 × 2320 ⁄ 5221 and the rest
    expect(requested.owed('refund').amount).toBe(1333);
    expect(requested.settle('refund').owed('refund').amount).toBe(1667);
    const { captures, refunds } = requested.settleAll().order;
    expect(captures.map(({ refunded }) => refunded)).toEqual([1333, 1667]);
    expect(refunds).toMatchObject([{ amount: 3000, refunded: 3000 }]);
  });
  test('counts as soon as it is owed', () => {
    const requested = twoCaptures.do(refund(5000));
    given(requested).when(refund(222)).thenRefused({
      kind: 'invalid',
      code: 'refund_too_large',
      message: 'at most 221 is captured and not refunded yet',
    });
    given(requested.do(refund(221)))
      .when(refund(1))
      .thenRefused({ kind: 'not_allowed' });
    expect(toView(requested.order).refunds).toMatchObject([{ status: 'owed' }]);
    expect(toView(requested.settleAll().order).refunds).toMatchObject([{ status: 'refunded' }]);
  });
  test.each([0, -1, 0.5, 2 ** 53])('is refused for the amount %d', (amount) =>
    given(states.completed).when(refund(amount)).thenRefused({ code: 'invalid_amount', pointer: '/amount' }),
  );
  test('of everything that was captured is possible', () => {
    const all = states.completed.do(requestReturn(...allLines), receive()).settleAll();
    expect(toView(all.order)).toMatchObject({ refunded: total, paymentStatus: 'refunded' });
  });
});

test('the return window counts from completion', () => {
  const completed = states.onItsWay.wait(2 * day).do(deliver());
  expect(completed.order.returnsUntil).toBe('2026-02-02T00:00:00.000Z');
  given(completed.wait(30 * day))
    .when(requestReturn(oneOfA))
    .thenRefused({ code: 'order_closed' });
});
