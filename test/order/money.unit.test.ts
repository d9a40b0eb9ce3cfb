import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { formatMoney, isCurrency, orderTotal, share } from '../../src/order/money.js';
import { toView } from '../../src/order/view.js';
import {
  create,
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
} from './examples.js';
import { Scenario } from './specification.js';

describe('money is shown with the digits of its currency', () => {
  test.each([
    [3998, 'EUR', 'EUR 39.98'],
    [5, 'EUR', 'EUR 0.05'],
    [0, 'EUR', 'EUR 0.00'],
    [-5, 'EUR', 'EUR -0.05'],
    [3998, 'JPY', 'JPY 3998'],
    [0, 'JPY', 'JPY 0'],
    [-1, 'JPY', 'JPY -1'],
    [3998, 'KWD', 'KWD 3.998'],
    [Number.MAX_SAFE_INTEGER, 'EUR', 'EUR 90071992547409.91'],
  ])('%d %s', (amount, currency, text) => expect(formatMoney(amount, currency)).toBe(text));
});

test('currencies are ISO-4217 codes in upper case', () => {
  expect(['EUR', 'JPY', 'KWD'].every(isCurrency)).toBe(true);
  expect(['eur', '', 'XXX', 'HRK', 'toString'].some(isCurrency)).toBe(false);
});

test('a total is exact, or missing', () => {
  const charges = { lines: [{ quantity: 3, unitPrice: 333 }], shippingFee: 5, tax: 1, discount: 6 };
  expect(orderTotal(charges)).toBe(999);
  expect(orderTotal({ ...charges, shippingFee: Number.MAX_SAFE_INTEGER })).toBeUndefined();
});

test('shares of a running part add up to the whole', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.array(fc.nat(1000), { minLength: 1 }), (amount, parts) => {
      const whole = BigInt(parts.reduce((sum, part) => sum + part, 1));
      let running = 0n;
      let given = 0;
      for (const part of [...parts, 1]) {
        running += BigInt(part);
        given += share(amount, running, whole) - given;
      }
      expect(given).toBe(amount);
    }),
  );
});

describe('fee, tax and discount are spread over shipments to the last cent', () => {
  const unit = (scenario: Scenario, sku: string, shipmentId: string) =>
    scenario.do(ship({ sku, quantity: 1 }), dispatch(shipmentId)).settleAll();

  test('if one unit ships at a time', () => {
    const first = unit(states.confirmed, 'A-1', 's1');
    const second = unit(first, 'A-1', 's2');
    const third = unit(second, 'B-2', 's3');
    expect(third.order.shipments.map(({ charge }) => charge?.amount)).toEqual([2320, 2320, 581]);
    expect(toView(third.order)).toMatchObject({
      captured: total,
      authorized: total,
      paymentStatus: 'captured',
    });
  });

  test('and go back with the goods, one unit at a time', () => {
    const back = (scenario: Scenario, lines: typeof oneOfA, returnId: string) =>
      scenario.do(requestReturn(lines), receive(returnId)).settleAll();
    const returned = back(back(back(states.completed, oneOfB, 'r1'), oneOfA, 'r2'), oneOfA, 'r3');
    expect(returned.order.refunds.map(({ amount }) => amount)).toEqual([580, 2320, 2321]);
    expect(toView(returned.order)).toMatchObject({ refunded: total, paymentStatus: 'refunded' });
  });

  test('by the number of units if all goods are free', () => {
    const lines = [{ sku: 'A-1', quantity: 3, unitPrice: 0 }];
    const free = Scenario.empty.do(create({ lines, tax: 0, discount: 0, shippingFee: 100 })).settleAll();
    const shipped = unit(unit(unit(free, 'A-1', 's1'), 'A-1', 's2'), 'A-1', 's3');
    expect(shipped.order.captures.map(({ amount }) => amount)).toEqual([33, 33, 34]);
  });

  test('but not over a free line, whose shipment captures and refunds nothing', () => {
    const lines = [
      { sku: 'A-1', quantity: 1, unitPrice: 100 },
      { sku: 'FREE', quantity: 1, unitPrice: 0 },
    ];
    const order = Scenario.empty.do(create({ lines })).settleAll();
    const shipped = unit(order, 'FREE', 's1').do(deliver());
    expect(shipped.order.captures).toEqual([]);
    const returned = shipped.do(requestReturn({ sku: 'FREE', quantity: 1 }), receive()).settleAll();
    expect(returned.order.refunds).toEqual([]);
    expect(returned.order.returns).toMatchObject([{ status: 'received', restocked: true }]);
  });

  test('a goodwill refund leaves less for a return, and a return never takes more than is left', () => {
    const returned = states.completed.do(refund(4000), requestReturn(oneOfA), receive()).settleAll();
    expect(returned.order.refunds.map(({ amount }) => amount)).toEqual([4000, 542]);
    const rest = returned.do(requestReturn(oneOfA, oneOfB), receive('r2')).settleAll();
    expect(rest.order.refunds.map(({ amount }) => amount)).toEqual([4000, 542, 679]);
    expect(toView(rest.order)).toMatchObject({ refunded: total });
  });

  test('under rules 1, a return takes its worth as long as anything is left', () => {
    const completed = Scenario.empty
      .do(create({ rules: 1 }))
      .settleAll()
      .do(ship(), dispatch())
      .settleAll()
      .do(deliver());
    const returned = completed.do(refund(4000), requestReturn(oneOfA), receive()).settleAll();
    expect(returned.order.refunds.map(({ amount }) => amount)).toEqual([4000, 1221]);
    const rest = returned.do(requestReturn(oneOfB), receive('r2')).settleAll();
    expect(rest.order.refunds).toHaveLength(2);
  });

  test('exactly, for the largest amounts', () => {
    const lines = [
      { sku: 'A-1', quantity: 1, unitPrice: 3_002_399_751_580_330 },
      { sku: 'B-2', quantity: 2, unitPrice: 3_002_399_751_580_330 },
    ];
    const order = Scenario.empty.do(create({ lines, shippingFee: 1, tax: 0, discount: 0 })).settleAll();
    const shipped = unit(unit(unit(order, 'B-2', 's1'), 'B-2', 's2'), 'A-1', 's3');
    expect(toView(shipped.order).captured).toBe(Number.MAX_SAFE_INTEGER);
  });
});
