import { describe, expect, test } from '@jest/globals';
import { LIMITS } from '../../src/order/commands.js';
import { toView } from '../../src/order/view.js';
import { amend, create, day, dispatch, oneOfA, oneOfB, ship, states, total } from './examples.js';
import { Scenario, eventTypes, given, owedTypes } from './specification.js';

const shippingAddress = { street: '1 New Road', city: 'Bonn', country: 'DE' };

describe('the requested amendment', () => {
  test('keeps the price and name of an existing line, or has new ones', () => {
    given(states.confirmed)
      .when(amend({ sku: 'A-1', quantity: 1 }, { sku: 'B-2', quantity: 2, unitPrice: 400, name: 'Bolt' }))
      .thenEvents({
        type: 'AmendmentRequested',
        data: {
          lines: [
            { sku: 'A-1', quantity: 1, unitPrice: 1999, name: 'Anvil' },
            { sku: 'B-2', quantity: 2, unitPrice: 400, name: 'Bolt' },
          ],
          total: 1999 + 800 + 490 + 333 - 100,
        },
      });
  });
  test('is applied immediately if it is only an address', () => {
    const amended = given(states.confirmed)
      .when({ type: 'AmendOrder', data: { shippingAddress } })
      .thenEvents(
        { type: 'AmendmentRequested', data: { shippingAddress } },
        { type: 'OrderAmended', data: {} },
      );
    expect(amended.order).toMatchObject({ shippingAddress, total, lines: states.confirmed.order.lines });
    expect(toView(amended.order)).toMatchObject({ shippingAddress });
  });
  test('may have both lines and an address', () => {
    const data = { lines: [oneOfB], shippingAddress };
    const amended = states.confirmed.do({ type: 'AmendOrder', data });
    expect(amended.order).toMatchObject({ shippingAddress, total: 1223, lines: [oneOfB] });
  });
  test('may make a line free', () => {
    const { order } = states.confirmed.do(amend({ ...oneOfA, unitPrice: 0 }));
    // fee 490 + tax 333 − discount 100
    expect(order).toMatchObject({ total: 723, lines: [{ ...oneOfA, unitPrice: 0 }] });
    expect(order.amendment).toBeUndefined();
  });
  test.each([
    ['nothing', {}, 'nothing_to_amend'],
    ['no lines', { lines: [] }, 'invalid_lines'],
    ['a new SKU without a price', { lines: [{ sku: 'NEW', quantity: 1 }] }, 'price_missing'],
    ['a bad price', { lines: [{ ...oneOfA, unitPrice: -1 }] }, 'invalid_amount'],
    ['a total too large', { lines: [{ ...oneOfA, unitPrice: LIMITS.amount }] }, 'total_too_large'],
  ])('may be invalid: %s', (_, data, code) =>
    given(states.confirmed).when({ type: 'AmendOrder', data }).thenRefused({ kind: 'invalid', code }),
  );
});

describe('an amendment to more goods', () => {
  test('reserves and then authorizes only the difference', () => {
    expect(states.amendmentReserving.owed('reserve').lines).toEqual([oneOfA]);
    expect(states.amendmentAuthorizing.owed('authorize').amount).toBe(1499);
    expect(toView(states.amendmentAuthorizing.order)).toMatchObject({ amendment: { total: 6720 }, total });
  });
  test('keeps the old lines reserved beside the new ones until it is decided', () => {
    expect(states.amendmentAuthorizing.order.reserved).toEqual([{ sku: 'A-1', quantity: 3 }, oneOfB]);
    const amended = states.amendmentAuthorizing.settle('authorize');
    expect(amended.owed('release').lines).toEqual([oneOfB]);
    expect(amended.settleAll().order.reserved).toEqual([{ sku: 'A-1', quantity: 3 }]);
  });
  test('is refused if they are out of stock, and nothing was taken', () => {
    const missing = [{ sku: 'A-1', requested: 1, available: 0 }];
    const refused = given(states.amendmentReserving)
      .whenSettled('reserve', { type: 'out_of_stock', missing })
      .thenEvents(
        { type: 'StockRefused', data: { missing } },
        {
          type: 'AmendmentRefused',
          data: { reason: 'out_of_stock', detail: 'A-1: 1 more wanted, 0 available' },
        },
      );
    expect(owedTypes(refused.order)).toEqual([]);
    expect(refused.order.missing).toBeUndefined();
  });
  test('is refused if the payment is declined, and the extra stock is released', () => {
    const refused = given(states.amendmentAuthorizing)
      .whenSettled('authorize', { type: 'declined', code: 'no_funds' })
      .thenEvents(
        { type: 'PaymentDeclined', data: { code: 'no_funds' } },
        { type: 'AmendmentRefused', data: { reason: 'payment_declined', detail: 'no_funds' } },
      );
    expect(refused.owed('release').lines).toEqual([oneOfA]);
    expect(refused.order).toMatchObject({ status: 'confirmed', total });
    expect(refused.order.declined).toBeUndefined();
  });
  test('is refused if the payment is pending too long: extra stock is released, the payment voided', () => {
    const refused = given(states.amendmentPaymentPending)
      .whenPassed(day)
      .thenEvents(
        { type: 'PaymentTimedOut', data: { authorizationId: 'pay-2' } },
        {
          type: 'AmendmentRefused',
          data: { reason: 'payment_timed_out', detail: 'the payment stayed pending too long' },
        },
      );
    expect(owedTypes(refused.order)).toEqual(['release', 'void']);
    expect(refused.settleAll().do(ship(), dispatch()).settleAll().order.captures).toMatchObject([
      { amount: total },
    ]);
  });
  test('waits for the release of a previous amendment', () => {
    const again = states.amendmentAuthorizing
      .settle('authorize', { type: 'declined', code: 'no_funds' })
      .do(amend({ sku: 'A-1', quantity: 3 }));
    expect(owedTypes(again.order)).toEqual(['release']);
    expect(owedTypes(again.settle('release').order)).toEqual(['reserve']);
  });
  test('replaces an authorization that expires meanwhile', () => {
    const late = states.amendmentReserving.wait(8 * day).settle('reserve');
    expect(late.owed('authorize').amount).toBe(6720);
  });
});

test('an amendment to fewer goods is applied immediately, and the authorization stays for the capture', () => {
  const amended = states.confirmed.do(amend(oneOfB));
  expect(eventTypes(amended, states.confirmed)).toEqual(['AmendmentRequested', 'OrderAmended']);
  expect(owedTypes(amended.order)).toEqual(['release']);
  const shipped = amended.settleAll().do(ship(), dispatch()).settleAll();
  expect(shipped.order.authorizations).toMatchObject([{ amount: total, captured: 1223, status: 'voided' }]);
  expect(toView(shipped.order)).toMatchObject({ paymentStatus: 'captured', authorized: 1223 });
});

test('an amendment to a negative total is refused, because the discount does not change', () => {
  const order = Scenario.empty.do(create({ discount: 4000 })).settleAll();
  given(order).when(amend(oneOfB)).thenRefused({ kind: 'invalid', code: 'total_not_positive' });
});
