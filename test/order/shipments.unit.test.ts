import { describe, expect, test } from '@jest/globals';
import { toView } from '../../src/order/view.js';
import { allLines, cancel, deliver, dispatch, oneOfA, oneOfB, ship, states, total } from './examples.js';
import { given, owedTypes } from './specification.js';

test('a shipment takes all that is left by default', () => {
  given(states.confirmed)
    .when(ship())
    .thenEvents({ type: 'ShipmentCreated', data: { shipmentId: 's1', lines: allLines } });
  given(states.partlyInShipment)
    .when(ship())
    .thenEvents({ type: 'ShipmentCreated', data: { shipmentId: 's2', lines: [oneOfA, oneOfB] } });
});

describe('a command for a shipment is refused for', () => {
  test.each([
    ['more than is left', { sku: 'A-1', quantity: 2 }, 'quantity_too_large', '/lines/0/quantity'],
    ['what is not ordered', { sku: 'Z-9', quantity: 1 }, 'unknown_sku', '/lines/0/sku'],
    ['none', { sku: 'A-1', quantity: 0 }, 'invalid_quantity', '/lines/0/quantity'],
  ])('%s', (_, line, code, pointer) =>
    given(states.partlyInShipment).when(ship(line)).thenRefused({ kind: 'invalid', code, pointer }),
  );
  test('no lines', () =>
    given(states.confirmed)
      .when({ type: 'CreateShipment', data: { lines: [] } })
      .thenRefused({ code: 'invalid_lines' }));
  test('an unknown shipment', () => {
    const refusal = { kind: 'not_found', code: 'shipment_not_found' } as const;
    given(states.readyToDispatch).when(dispatch('s9')).thenRefused(refusal);
    given(states.readyToDispatch).when(deliver('s9')).thenRefused(refusal);
  });
});

test('a dispatch deducts the goods from the stock, then captures the money', () => {
  const dispatched = given(states.readyToDispatch)
    .when(dispatch())
    .thenEvents({
      type: 'ShipmentDispatched',
      data: { shipmentId: 's1', carrier: 'DHL', trackingNumber: 't-s1', amount: total },
    });
  expect(dispatched.owed('deduct')).toMatchObject({ shipmentId: 's1', lines: allLines });
  const deducted = given(dispatched)
    .whenSettled('deduct')
    .thenEvents({ type: 'StockDeducted', data: { shipmentId: 's1' } });
  expect(deducted.order.reserved).toEqual([]);
  expect(deducted.owed('capture')).toMatchObject({
    shipmentId: 's1',
    authorizationId: 'pay-1',
    amount: total,
  });
});

test('an order completes once it is delivered and paid, in either order', () => {
  given(states.onItsWay)
    .when(deliver())
    .thenEvents(
      { type: 'ShipmentDelivered', data: { shipmentId: 's1' } },
      { type: 'OrderCompleted', data: { returnsUntil: '2026-01-31T00:00:00.000Z' } },
    );
  const delivered = states.deducting.do(deliver());
  expect(delivered.order.status).toBe('confirmed');
  expect(delivered.settleAll().order.status).toBe('completed');
});

test('two shipments at the same time have one deduction and one capture each, in turn', () => {
  const both = states.confirmed.do(ship(oneOfA), ship(), dispatch('s2'), dispatch('s1'));
  expect(owedTypes(both.order)).toEqual(['deduct']);
  expect(both.owed('deduct').shipmentId).toBe('s2');
  const next = both.settle('deduct');
  expect(owedTypes(next.order)).toEqual(['deduct', 'capture']);
  expect(next.owed('capture').shipmentId).toBe('s2');
  const done = next.settleAll();
  expect(done.order.captures.map(({ shipmentId }) => shipmentId)).toEqual(['s2', 's1']);
  expect(toView(done.order)).toMatchObject({ captured: total, fulfillmentStatus: 'shipped' });
});

test('the fulfillment status counts goods that are not cancelled', () => {
  const statusOf = (scenario: typeof states.confirmed) => toView(scenario.order).fulfillmentStatus;
  expect(statusOf(states.readyToDispatch)).toBe('none');
  expect(statusOf(states.partlyDispatched)).toBe('partially_shipped');
  expect(statusOf(states.onItsWay)).toBe('shipped');
  expect(statusOf(states.partlyDelivered)).toBe('partially_delivered');
  expect(statusOf(states.completed)).toBe('delivered');
  expect(statusOf(states.partlyDispatched.do(cancel))).toBe('shipped');
});
