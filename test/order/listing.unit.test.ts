import { expect, test } from '@jest/globals';
import { listing } from '../../src/order/listing.js';
import { deliveredFact, hold, states } from './examples.js';
import type { Scenario } from './specification.js';

const day = 24 * 60 * 60 * 1000;

function listed({ order }: Scenario): Readonly<Record<string, unknown>> {
  return Object.fromEntries(listing(order).map(({ name, value }) => [name, value]));
}

/** The attributes whose change is upserted immediately. */
function atOnce({ order }: Scenario): readonly string[] {
  return listing(order)
    .filter((one) => one.atOnce)
    .map(({ name }) => name);
}

const always = ['OrderHeld', 'NeedsAttention', 'OrderTotal'];

test('an order is found by its payment, fulfilment, hold and total, and by what needs an operator', () => {
  expect(listed(states.confirmed)).toEqual({
    PaymentStatus: 'authorized',
    FulfillmentStatus: 'none',
    OrderHeld: false,
    NeedsAttention: false,
    OrderTotal: 5221,
  });
  expect(listed(states.confirmed.do(hold))).toMatchObject({ OrderHeld: true });
  const waiting = states.confirmed.take(deliveredFact, 'd');
  expect(listed(waiting)).toMatchObject({ NeedsAttention: false });
  expect(listed(waiting.wait(2 * day))).toMatchObject({ NeedsAttention: true });
});

test('the statuses of the usual path are listed with the next change of the order, and others immediately', () => {
  expect(atOnce(states.confirmed)).toEqual(always);
  expect(listed(states.onItsWay)).toMatchObject({ PaymentStatus: 'captured', FulfillmentStatus: 'shipped' });
  expect(atOnce(states.onItsWay)).toEqual(always);
  expect(atOnce(states.partlyDelivered)).toEqual(['PaymentStatus', 'FulfillmentStatus', ...always]);
  expect(listed(states.paymentPending)).toMatchObject({ PaymentStatus: 'pending' });
  expect(atOnce(states.paymentPending)).toEqual(['PaymentStatus', ...always]);
});
