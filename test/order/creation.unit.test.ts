import { describe, expect, test } from '@jest/globals';
import { append } from '../../src/log/append.js';
import { type CommandData, LIMITS } from '../../src/order/commands.js';
import { orders } from '../../src/order/entity.js';
import { evolve } from '../../src/order/evolve.js';
import { create, hold, orderData, states, terms, total } from './examples.js';
import { Scenario, given, owedTypes } from './specification.js';

const line = { sku: 'A-1', quantity: 1, unitPrice: 100 };

test('an order is created with its total, and owes the reservation of its goods', () => {
  const { shippingFee = 0, tax = 0, discount = 0, ...rest } = orderData;
  const created = given(Scenario.empty)
    .when(create())
    .thenEvents({
      type: 'OrderCreated',
      data: { ...rest, charges: { shippingFee, tax, discount }, total, tags: [], rules: 2 },
    });
  expect(created.order).toMatchObject({ version: 1, status: 'pending', total });
  expect(created.order.owed).toEqual([
    {
      type: 'reserve',
      key: 'o-1:reserve:1',
      correlationId: 'test',
      since: created.order.createdAt,
      lines: [
        { sku: 'A-1', quantity: 2 },
        { sku: 'B-2', quantity: 1 },
      ],
    },
  ]);
});

test('omitted members count as nothing: fee, tax, discount and tags', () => {
  const { customer, currency, payment } = orderData;
  const data = { customer, currency, payment, terms, lines: [line] };
  given(Scenario.empty)
    .when({ type: 'CreateOrder', data })
    .thenEvents({
      type: 'OrderCreated',
      data: { ...data, charges: { shippingFee: 0, tax: 0, discount: 0 }, total: 100, tags: [], rules: 1 },
    });
});

test('an order that a newer gateway has accepted waits for a newer worker', () => {
  expect(() => Scenario.empty.do(create({ rules: 3 }))).toThrow('rules 3 are newer than this code');
});

test('the note of an order is its first note', () => {
  const { notes } = Scenario.empty.do(create({ note: 'ring twice' })).order;
  expect(notes).toEqual([{ text: 'ring twice', at: '2026-01-01T00:00:00.000Z', actor: 'tester' }]);
});

test('goods are reserved first, then money is authorized, then the order is confirmed', () => {
  const created = Scenario.empty.do(create());
  const reserved = given(created)
    .whenSettled('reserve')
    .thenEvents({ type: 'StockReserved', data: { lines: created.owed('reserve').lines } });
  expect(reserved.owed('authorize')).toMatchObject({
    amount: total,
    currency: 'EUR',
    method: 'tok_ok',
    ttl: terms.authorizationTtl,
  });
  const confirmed = given(reserved)
    .whenSettled('authorize', { type: 'authorized', authorizationId: 'pay-1' })
    .thenEvents(
      {
        type: 'PaymentAuthorized',
        data: { authorizationId: 'pay-1', amount: total, expiresAt: '2026-01-08T00:00:00.000Z' },
      },
      { type: 'OrderConfirmed', data: {} },
    );
  expect(owedTypes(confirmed.order)).toEqual([]);
});

test('an order that is out of stock is rejected, with nothing to undo', () => {
  const missing = [{ sku: 'A-1', requested: 2, available: 1 }];
  const rejected = given(states.reserving)
    .whenSettled('reserve', { type: 'out_of_stock', missing })
    .thenEvents(
      { type: 'StockRefused', data: { missing } },
      { type: 'OrderRejected', data: { reason: 'out_of_stock', detail: 'A-1: 2 wanted, 1 available' } },
    );
  expect(owedTypes(rejected.order)).toEqual([]);
});

test('an order whose payment is declined is rejected, and its stock is released', () => {
  const rejected = given(states.authorizing)
    .whenSettled('authorize', { type: 'declined', code: 'no_funds' })
    .thenEvents(
      { type: 'PaymentDeclined', data: { code: 'no_funds' } },
      { type: 'OrderRejected', data: { reason: 'payment_declined', detail: 'no_funds' } },
    );
  expect(rejected.owed('release').lines).toEqual(states.authorizing.order.reserved);
});

describe('an order is refused with', () => {
  const many = Array.from({ length: LIMITS.lines + 1 }, (_, index) => ({ ...line, sku: `S-${index}` }));
  const wrong: readonly [string, Partial<CommandData['CreateOrder']>, string, string][] = [
    ['an unknown currency', { currency: 'EURO' }, 'unknown_currency', '/currency'],
    ['a name every object has as its currency', { currency: 'constructor' }, 'unknown_currency', '/currency'],
    ['no lines', { lines: [] }, 'invalid_lines', '/lines'],
    ['too many lines', { lines: many }, 'invalid_lines', '/lines'],
    ['a SKU twice', { lines: [line, line] }, 'duplicate_sku', '/lines/1/sku'],
    ...[0, -1, 1.5, LIMITS.quantity + 1, Number.NaN, Number.POSITIVE_INFINITY]
      .map(
        (quantity) =>
          [
            `the quantity ${quantity}`,
            { lines: [{ ...line, quantity }] },
            'invalid_quantity',
            '/lines/0/quantity',
          ] as const,
      )
      .map(([...row]) => row as [string, Partial<CommandData['CreateOrder']>, string, string]),
    ...[-1, 0.5, 2 ** 53, Number.NaN].flatMap(
      (amount): [string, Partial<CommandData['CreateOrder']>, string, string][] => [
        [
          `the price ${amount}`,
          { lines: [{ ...line, unitPrice: amount }] },
          'invalid_amount',
          '/lines/0/unitPrice',
        ],
        [`the fee ${amount}`, { shippingFee: amount }, 'invalid_amount', '/shippingFee'],
        [`the tax ${amount}`, { tax: amount }, 'invalid_amount', '/tax'],
        [`the discount ${amount}`, { discount: amount }, 'invalid_amount', '/discount'],
      ],
    ),
    ['a total beyond exact numbers', { tax: LIMITS.amount }, 'total_too_large', '/lines'],
    [
      'a product beyond exact numbers',
      { lines: [{ sku: 'A', quantity: 1e6, unitPrice: LIMITS.amount }] },
      'total_too_large',
      '/lines',
    ],
    [
      'a total of nothing',
      { lines: [line], shippingFee: 0, tax: 0, discount: 100 },
      'total_not_positive',
      '',
    ],
    ['a negative total', { discount: LIMITS.amount }, 'total_not_positive', ''],
  ];
  test.each(wrong)('%s', (_, changes, code, pointer) =>
    given(Scenario.empty).when(create(changes)).thenRefused({ kind: 'invalid', code, pointer }),
  );

  test('the largest possible order reaches all limits together', () => {
    const data = {
      lines: [{ sku: 'A', quantity: 1, unitPrice: LIMITS.amount }],
      shippingFee: 0,
      tax: 0,
      discount: 0,
    };
    expect(Scenario.empty.do(create(data)).order.total).toBe(Number.MAX_SAFE_INTEGER);
  });
});

test('an order is created only once', () =>
  given(states.confirmed).when(create()).thenRefused({ kind: 'not_allowed', code: 'order_exists' }));

test('a command to an order that does not exist is refused', () =>
  given(Scenario.empty).when(hold).thenRefused({ kind: 'not_found', code: 'order_not_found' }));

test('a log that does not start with OrderCreated is refused', () => {
  const [, reserved] = states.authorizing.log;
  if (reserved === undefined) throw new Error('two events at least');
  expect(() => evolve(undefined, reserved)).toThrow('starts with StockReserved');
  expect(() => append(orders, 'o-1', undefined, [], reserved)).toThrow('o-1, which does not exist');
});
