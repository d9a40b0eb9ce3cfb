import { describe, expect, test } from '@jest/globals';
import type { Command } from '../../src/order/commands.js';
import type { Settlement } from '../../src/order/effects.js';
import type { OrderEvent } from '../../src/order/events.js';
import { fold } from '../../src/order/evolve.js';
import { settle } from '../../src/order/settle.js';
import { toView } from '../../src/order/view.js';
import { cancel, capture, note, states } from './examples.js';
import { type Scenario, given } from './specification.js';

test('an effect keeps its key until it is settled, whatever happens meanwhile', () => {
  const effect = states.authorizing.owed('authorize');
  expect(effect.key).toBe('o-1:authorize:2');
  expect(states.authorizing.do(note, cancel).owed('authorize')).toEqual(effect);
});

describe('an answer that is repeated, or comes too late, changes nothing:', () => {
  test('the same answer', () => {
    const effect = states.reserving.owed('reserve');
    given(states.authorizing).whenAnswered<'reserve'>(effect, { type: 'reserved' }).thenEvents();
  });
  test('a different answer', () => {
    const effect = states.authorizing.owed('authorize');
    given(states.confirmed).whenAnswered<'authorize'>(effect, { type: 'declined', code: 'no' }).thenEvents();
  });
  test('an answer to an attempt that another one followed', () => {
    const first = states.capturing.owed('capture');
    given(states.captureDeclined.do(capture()))
      .whenAnswered<'capture'>(first, { type: 'captured', captureId: 'cap-9' })
      .thenEvents();
  });
});

test('the fold of the log is the state, in one pass or in two', () => {
  for (const { log, order } of Object.values<Scenario>(states)) {
    expect(fold(log)).toStrictEqual(order);
    expect(fold(log.slice(2), fold(log.slice(0, 2)))).toStrictEqual(order);
  }
  expect(fold([])).toBeUndefined();
});

test('a refused message changes only the version', () => {
  const { log, order } = states.confirmed;
  const last = log.at(-1);
  if (last === undefined) throw new Error('no event');
  const data = { command: 'ReleaseOrder', code: 'not_allowed', message: 'the order is not held' };
  const rejected = fold([{ ...last, causationId: 'x', version: 5, type: 'CommandRejected', data }], order);
  const { rejections: _, ...rest } = rejected ?? {};
  expect(rest).toStrictEqual({ ...order, version: 5 });
});

test('the view of an order shows only what the order has', () => {
  const absent = ['holdReason', 'cancelReason', 'shippingAddress', 'amendment', 'returnsUntil'];
  expect(Object.keys(toView(states.reserving.order)).filter((key) => absent.includes(key))).toEqual([]);
  expect(toView(states.reserving.order)).toMatchObject({ paymentStatus: 'none', fulfillmentStatus: 'none' });
  expect(toView(states.confirmed.order)).toMatchObject({ paymentStatus: 'authorized', authorized: 5221 });
  expect(toView(states.refunded.order)).toMatchObject({
    returnsUntil: '2026-01-31T00:00:00.000Z',
    shipments: [
      { carrier: 'DHL', trackingNumber: 't-s1', amount: 5221, charge: 'captured', allowedCommands: [] },
    ],
    returns: [{ returnId: 'r1', status: 'received', reason: 'does not fit', allowedCommands: [] }],
    refunds: [{ refundId: 'f1', returnId: 'r1', amount: 2320, status: 'refunded' }],
    lines: [
      { sku: 'A-1', name: 'Anvil', quantity: 2, cancelled: 0, shipped: 2, delivered: 2, returned: 1 },
      { sku: 'B-2', quantity: 1, shipped: 1, delivered: 1, returned: 0 },
    ],
  });
  expect(toView(states.cancelled.order)).toMatchObject({
    cancelReason: 'changed my mind',
    allowedCommands: [],
  });
});

describe('an older version refuses what it does not know:', () => {
  const type = 'FromTheFuture';

  test('an event', () => {
    const event: OrderEvent = received({ ...states.confirmed.log[0], type });
    expect(() => fold([event], states.confirmed.order)).toThrow(type);
  });
  test('a command', () => {
    const command: Command = received({ type, data: {} });
    expect(() => states.confirmed.judge(command)).toThrow(TypeError);
  });
  test.each([states.authorizing, states.capturing])('an answer', ({ order, now }) => {
    const settlement: Settlement = received({ effect: order.owed[0] ?? {}, outcome: { type } });
    expect(() => settle(order, settlement, now)).toThrow(type);
  });
});

/** Received data is untyped. */
function received(value: object) {
  return JSON.parse(JSON.stringify(value));
}
