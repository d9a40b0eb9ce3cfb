import { expect, test } from '@jest/globals';
import type { FollowUpCommand } from '../../src/order/commands.js';
import { isFinished } from '../../src/order/order.js';
import { toView } from '../../src/order/view.js';
import { cancel, create, deliver, dispatch, label, oneOfA, ship, states, total } from './examples.js';
import { given, owedTypes, Scenario } from './specification.js';

const shippingAddress = { street: '1 Main St', city: 'Berlin', country: 'DE' };
const confirmed = Scenario.empty.do(create({ shippingAddress })).settleAll();
const asBooked: FollowUpCommand = { type: 'DispatchShipment', data: { shipmentId: 's1' } };
const { labelRequested, labelBooked, labelRefused } = states;

test('a label is booked for the goods of the shipment and the receiver of the order', () => {
  const requested = given(confirmed.do(ship(oneOfA)))
    .when(label('s1', 'DHL'))
    .thenEvents({ type: 'LabelRequested', data: { shipmentId: 's1', carrier: 'DHL' } });
  expect(requested.owed('book')).toEqual({
    type: 'book',
    key: expect.stringMatching(/^o-1:book:\d+$/),
    correlationId: 'test',
    shipmentId: 's1',
    carrier: 'DHL',
    lines: [{ ...oneOfA, name: 'Anvil' }],
    customer: { name: 'Ada Example' },
    shippingAddress,
  });
  expect(toView(requested.order).shipments).toMatchObject([
    { shipmentId: 's1', label: { status: 'requested', carrier: 'DHL' } },
  ]);
});

test('without a carrier in the request, the provider chooses one', () => {
  const requested = confirmed.do(ship(), label());
  expect(requested.owed('book')).not.toHaveProperty('carrier');
  const booked = given(requested)
    .whenSettled('book', { type: 'booked', carrier: 'Any Post', trackingNumber: 'T-1' })
    .thenEvents({
      type: 'LabelBooked',
      data: { shipmentId: 's1', carrier: 'Any Post', trackingNumber: 'T-1' },
    });
  expect(booked.order.shipments[0]?.label).toEqual({
    status: 'booked',
    carrier: 'Any Post',
    trackingNumber: 'T-1',
  });
});

test('labels of several shipments are booked at the same time, and each once', () => {
  const both = confirmed.do(ship(oneOfA), ship(), label('s1'), label('s2'));
  expect(owedTypes(both.order)).toEqual(['book', 'book']);
  const [, second] = both.order.owed;
  if (second?.type !== 'book') throw new Error('no booking');
  const answered = both.answer(second, { type: 'booked', carrier: 'DHL', trackingNumber: '2' });
  expect(answered.order.shipments.map(({ label: its }) => its?.status)).toEqual(['requested', 'booked']);
  expect(answered.answer(second, { type: 'refused', code: 'late' }).order).toBe(answered.order);
});

test('a shipment is dispatched with its booked label, or with the data of the command', () => {
  const data = { shipmentId: 's1', carrier: 'Sandbox Post', trackingNumber: 'SP1', amount: total };
  given(labelBooked).when(asBooked).thenEvents({ type: 'ShipmentDispatched', data });
  const other = given(labelBooked)
    .when(dispatch())
    .thenEvents({ type: 'ShipmentDispatched', data: { ...data, carrier: 'DHL', trackingNumber: 't-s1' } });
  expect(other.order.shipments[0]?.label).toMatchObject({ status: 'booked', trackingNumber: 'SP1' });
});

test.each([
  ['no label', states.readyToDispatch, {}, '/carrier', 'give carrier and trackingNumber'],
  ['a refused label', labelRefused, {}, '/carrier', 'give carrier and trackingNumber'],
  ['half of it', labelBooked, { carrier: 'DHL' }, '/trackingNumber', 'or neither'],
  ['the other half', labelBooked, { trackingNumber: '1' }, '/carrier', 'or neither'],
])('with %s, a dispatch has to name the rest', (_, scenario, data, pointer, remedy) => {
  given(scenario)
    .when({ type: 'DispatchShipment', data: { shipmentId: 's1', ...data } })
    .thenRefused({
      kind: 'invalid',
      code: 'parcel_unknown',
      pointer,
      message: expect.stringContaining(remedy) as unknown as string,
    });
});

test('an empty dispatch is too early while a label is requested', () => {
  given(labelRequested)
    .when({ type: 'DispatchShipment', data: { shipmentId: 's1' } })
    .thenRefused({
      kind: 'not_allowed',
      code: 'not_allowed',
      message: expect.stringContaining('wait for it') as unknown as string,
    });
});

test('a shipment that is dispatched before its label is booked keeps both', () => {
  const left = labelRequested.do(dispatch()).settle('deduct');
  const booked = left.settle('book', { type: 'booked', carrier: 'Sandbox Post', trackingNumber: 'SP1' });
  expect(booked.order.shipments).toMatchObject([
    { status: 'dispatched', trackingNumber: 't-s1', label: { status: 'booked', trackingNumber: 'SP1' } },
  ]);
});

test('a refused label has a reason, and another one may be requested under a new key', () => {
  const again = given(labelRefused)
    .when(label('s1', 'DHL'))
    .thenEvents({ type: 'LabelRequested', data: { shipmentId: 's1', carrier: 'DHL' } });
  expect(labelRefused.order.shipments[0]?.label).toEqual({
    status: 'refused',
    carrier: 'Sandbox Post',
    code: 'address_not_served',
  });
  expect(again.owed('book').key).not.toBe(labelRequested.owed('book').key);
});

test('a cancelled order waits for the answer about its label, and always shows it', () => {
  const cancelling = labelRequested.do(cancel).settle('release').settle('void');
  expect(cancelling.order.shipments).toMatchObject([{ status: 'cancelled', label: { status: 'requested' } }]);
  expect(isFinished(cancelling.order)).toBe(false);
  const ended = cancelling.settle('book');
  expect(isFinished(ended.order)).toBe(true);
  expect(toView(ended.order).shipments).toMatchObject([
    { status: 'cancelled', label: { status: 'booked', trackingNumber: expect.any(String) } },
  ]);
  expect(labelBooked.do(cancel).settleAll().order.shipments).toMatchObject([
    { status: 'cancelled', label: { status: 'booked', trackingNumber: 'SP1' } },
  ]);
});

test('a delivered order does not close before the outcome of its label is known', () => {
  const delivered = labelRequested.do(dispatch()).settle('deduct').settle('capture').do(deliver());
  expect(delivered.order.status).toBe('completed');
  const late = delivered.wait(60 * 24 * 3_600_000);
  expect(late.order.closed).toBe(false);
  expect(late.settle('book').order.closed).toBe(true);
});
