import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { LineQuantity, NewLine } from '../../src/order/commands.js';
import { capturedLines } from '../../src/order/entitlement.js';
import { type ChargedLine, sum } from '../../src/order/order.js';
import { toView } from '../../src/order/view.js';
import {
  amend,
  create,
  deliver,
  dispatch,
  receive,
  refund,
  requestReturn,
  ship,
  writeOff,
} from './examples.js';
import { Scenario, given } from './specification.js';

const a: NewLine = { sku: 'A-1', quantity: 1, unitPrice: 10_000 };
const b: NewLine = { sku: 'B-1', quantity: 1, unitPrice: 5_000 };
const oneA: LineQuantity = { sku: 'A-1', quantity: 1 };
const oneB: LineQuantity = { sku: 'B-1', quantity: 1 };
const noCharges = { shippingFee: 0, tax: 0, discount: 0 };

function confirmed(lines: readonly NewLine[], more = {}): Scenario {
  return Scenario.empty.do(create({ lines, ...noCharges, ...more })).settleAll();
}

function shipped(order: Scenario, shipmentId: string, ...lines: readonly LineQuantity[]): Scenario {
  return order.do(ship(...lines), dispatch(shipmentId)).settleAll();
}

/** An order with a shipment whose capture was declined and written off. */
function unpaid(order: Scenario, shipmentId: string, ...lines: readonly LineQuantity[]): Scenario {
  return order
    .do(ship(...lines), dispatch(shipmentId))
    .settle('deduct')
    .settle('capture', { type: 'declined', code: 'no_funds' })
    .do(writeOff);
}

/** The refund of each of these returns, one after another. */
function refundsOf(order: Scenario, ...returns: readonly (readonly LineQuantity[])[]): readonly number[] {
  let now = order;
  return returns.map((lines) => {
    const before = now.order;
    const returnId = `r${before.returns.length + 1}`;
    now = now.do(requestReturn(...lines), receive(returnId)).settleAll();
    return toView(now.order).refunded - toView(before).refunded;
  });
}

/** What was captured of each line of each shipment. */
function capturedByLine({ order }: Scenario): readonly (readonly number[])[] {
  return order.shipments.map(({ charge }) => (charge?.lines ?? []).map(({ captured }) => captured));
}

describe('unpaid goods refund nothing', () => {
  const half = (rules: number) =>
    unpaid(shipped(confirmed([a, b], { rules }), 's1', oneA), 's2', oneB).do(deliver('s1'), deliver('s2'));

  test('and paid goods refund all that was paid for them', () =>
    expect(refundsOf(half(2), [oneB], [oneA])).toEqual([0, 10_000]));
  test('if the paid goods come back first', () =>
    expect(refundsOf(half(2), [oneA], [oneB])).toEqual([10_000, 0]));
  test('or if both come back together', () => expect(refundsOf(half(2), [oneB, oneA])).toEqual([10_000]));
  test('unless the order has rules 1, whose history says otherwise', () => {
    expect(refundsOf(half(1), [oneB], [oneA])).toEqual([5_000, 5_000]);
    const { rules, shipments, refunds, returns } = half(1).do(
      requestReturn(oneB),
      receive(),
      refund(7),
    ).order;
    const added = [
      rules,
      ...shipments.map(({ charge }) => charge?.lines),
      ...refunds.map(({ parts }) => parts),
      ...returns.map(({ entitled }) => entitled),
    ];
    expect(added.filter((part) => part !== undefined)).toEqual([]);
  });
});

describe('of one SKU, paid units count as returned first', () => {
  const two = confirmed([{ ...a, quantity: 2 }]);
  const paidLast = shipped(unpaid(two, 's1', oneA), 's2', oneA);

  test('even if they were dispatched last', () => {
    const delivered = paidLast.do(deliver('s1'), deliver('s2'));
    expect(refundsOf(delivered, [oneA], [oneA])).toEqual([10_000, 0]);
  });
  test('once they are delivered, because goods on their way cannot come back', () => {
    const first = paidLast.do(deliver('s1'));
    expect(refundsOf(first, [oneA])).toEqual([0]);
    const returned = first.do(requestReturn(oneA), receive(), deliver('s2'));
    expect(refundsOf(returned, [oneA])).toEqual([10_000]);
  });
  test('as many as were paid, then the unpaid ones', () => {
    const twoA = { ...oneA, quantity: 2 };
    const order = confirmed([{ ...a, quantity: 3 }]);
    const delivered = shipped(unpaid(order, 's1', oneA), 's2', twoA).do(deliver('s1'), deliver('s2'));
    expect(refundsOf(delivered, [twoA], [oneA])).toEqual([20_000, 0]);
    expect(refundsOf(delivered, [oneA], [twoA])).toEqual([10_000, 10_000]);
  });
});

describe('a charge is spread over its lines', () => {
  const delivered = (order: Scenario) => shipped(order, 's1').do(deliver('s1'));

  test('by value, with fee, tax and discount', () => {
    const order = delivered(confirmed([a, b], { shippingFee: 490, tax: 333, discount: 100 }));
    // 15,723 × 2/3 and × 1/3
    expect(capturedByLine(order)).toEqual([[10_482, 5_241]]);
    expect(refundsOf(order, [oneB], [oneA])).toEqual([5_241, 10_482]);
  });
  test('with the rest of rounding on the largest remainders, and the first of equal ones', () => {
    const lines = ['A-1', 'B-1', 'C-1'].map((sku) => ({ sku, quantity: 1, unitPrice: 100 }));
    expect(capturedByLine(delivered(confirmed(lines, { tax: 1 })))).toEqual([[101, 100, 100]]);
    expect(capturedByLine(delivered(confirmed(lines, { discount: 1 })))).toEqual([[100, 100, 99]]);
    const uneven = [1, 2, 4].map((unitPrice, index) => ({ sku: `S-${index}`, quantity: 1, unitPrice }));
    // 10 × 1/7 = 1.43, × 2/7 = 2.86, × 4/7 = 5.71
    expect(capturedByLine(delivered(confirmed(uneven, { tax: 3 })))).toEqual([[1, 3, 6]]);
  });
  test('in the sequence of the order’s lines, however the shipment lists them', () => {
    const order = shipped(confirmed([a, { ...b, unitPrice: 10_000 }], { tax: 1 }), 's1', oneB, oneA);
    expect(order.order.shipments[0]?.charge?.lines).toMatchObject([
      { sku: 'A-1', captured: 10_001 },
      { sku: 'B-1', captured: 10_000 },
    ]);
  });
  test('with equal parts for the units of a line, and the rest on the last', () => {
    const order = delivered(confirmed([{ ...a, quantity: 3, unitPrice: 33 }], { tax: 1 }));
    expect(refundsOf(order, [oneA], [oneA], [oneA])).toEqual([33, 33, 34]);
  });
  test('with a part for each line if it is captured in part', () => {
    // Two authorizations: 12,000 and the 3,000 that the amendment adds.
    const amended = confirmed([{ ...a, unitPrice: 7_000 }, b])
      .do(amend({ ...a, unitPrice: 10_000 }, b))
      .settleAll();
    const order = amended
      .do(ship(), dispatch('s1'))
      .settle('deduct')
      .settle('capture')
      .settle('capture', { type: 'declined', code: 'no_funds' })
      .do(writeOff, deliver('s1'));
    expect(capturedByLine(order)).toEqual([[8_000, 4_000]]);
    expect(refundsOf(order, [oneB], [oneA])).toEqual([4_000, 8_000]);
  });
});

test('each line has its whole part once a charge is captured, in any number of captures', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.nat(5),
          fc.maxSafeNat().map((amount) => Math.floor(amount / 9)),
        ),
        { maxLength: 9 },
      ),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 9 }),
      (amounts, cuts) => {
        const charged = amounts.map((amount, index) => ({
          sku: `S-${index}`,
          quantity: 1,
          captured: 0,
          refunded: 0,
          returned: 0,
          amount,
        }));
        let lines: readonly ChargedLine[] = charged;
        for (const cut of [...cuts, 1]) {
          const left = sum(lines, ({ amount, captured }) => amount - captured);
          lines = capturedLines(lines, Math.floor(left * cut));
          expect(lines.every(({ amount, captured }) => captured <= amount)).toBe(true);
        }
        expect(lines).toEqual(charged.map((line) => ({ ...line, captured: line.amount })));
      },
    ),
  );
});

describe('a goodwill refund', () => {
  const delivered = shipped(confirmed([{ ...a, quantity: 2 }, b]), 's1').do(deliver('s1'));

  test('is taken from all lines, in proportion to what is left of each', () => {
    const less = delivered.do(refund(5_000)).settleAll();
    expect(less.order.shipments[0]?.charge?.lines).toMatchObject([{ refunded: 4_000 }, { refunded: 1_000 }]);
    expect(refundsOf(less, [oneB], [oneA], [oneA])).toEqual([4_000, 8_000, 8_000]);
  });
  test('after a return, from what the return has left', () => {
    const returned = delivered.do(requestReturn(oneB), receive(), refund(3_000)).settleAll();
    expect(returned.order.shipments[0]?.charge?.lines).toMatchObject([
      { refunded: 3_000, returned: 0 },
      { refunded: 5_000, returned: 1 },
    ]);
  });
  test('of everything leaves nothing to refund', () => {
    const none = delivered.do(refund(25_000)).settleAll();
    expect(refundsOf(none, [{ ...oneA, quantity: 2 }, oneB])).toEqual([0]);
  });
});

describe('a refund is paid from the captures of its own goods', () => {
  const both = shipped(shipped(confirmed([a, b]), 's1', oneA), 's2', oneB).do(deliver('s1'), deliver('s2'));
  const [first, second] = both.order.captures.map(({ captureId }) => captureId);

  test('and not from the first capture that is large enough', () => {
    const received = both.do(requestReturn(oneB), receive());
    expect(received.owed('refund')).toMatchObject({ captureId: second, amount: 5_000 });
  });
  test('also if it waits for another refund', () => {
    const waiting = both.do(requestReturn(oneB), requestReturn(oneA), receive('r1'), receive('r2'));
    expect(waiting.owed('refund')).toMatchObject({ refundId: 'f1', captureId: second });
    expect(waiting.settle('refund').owed('refund')).toMatchObject({ refundId: 'f2', captureId: first });
  });
  test('or from one shipment after the other if it is goodwill', () => {
    const goodwill = given(both)
      .when(refund(3_000))
      .thenEvents({ type: 'RefundRequested', data: { refundId: 'f1', amount: 3_000, reason: 'sorry' } });
    expect(goodwill.owed('refund')).toMatchObject({ captureId: first, amount: 2_000 });
    expect(goodwill.settle('refund').owed('refund')).toMatchObject({ captureId: second, amount: 1_000 });
    expect(goodwill.settleAll().order.refunds).toMatchObject([{ amount: 3_000, refunded: 3_000 }]);
  });
});

test('the largest sums are split, kept and refunded exactly', () => {
  const max = Number.MAX_SAFE_INTEGER;
  const lines = [
    { sku: 'A-1', quantity: 1, unitPrice: max - 3_000_003 },
    { sku: 'B-1', quantity: 1_000_000, unitPrice: 3 },
  ];
  const order = shipped(confirmed(lines, { tax: 2, shippingFee: 1 }), 's1').do(deliver('s1'));
  expect(capturedByLine(order)).toEqual([[max - 3_000_000, 3_000_000]]);
  const some = { sku: 'B-1', quantity: 999_999 };
  const refunds = refundsOf(order.do(refund(max - 1_000_000)).settleAll(), [some], [oneA], [oneB]);
  expect(sum(refunds, (amount) => amount)).toBe(1_000_000);
});
