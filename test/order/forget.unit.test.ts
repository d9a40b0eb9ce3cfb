import { expect, test } from '@jest/globals';
import type { ForgetPerson } from '../../src/order/commands.js';
import { mayForget, personalTexts } from '../../src/order/forget.js';
import { capturedAmount, refundedAmount, toView } from '../../src/order/view.js';
import {
  create,
  day,
  deliver,
  dispatch,
  forget,
  note,
  oneOfA,
  receive,
  requestReturn,
  ship,
  states,
} from './examples.js';
import { eventTypes, given, Scenario } from './specification.js';

const person = {
  customer: { id: 'c-1', name: 'Ada Example', email: 'ada@example.org' },
  shippingAddress: { name: 'Ada E.', street: '1 Main St', city: 'Berlin', country: 'DE' },
  payment: { method: 'tok_of_ada' },
  note: 'ring at Ada',
};

const completed = Scenario.empty
  .do(create(person))
  .settleAll()
  .do(ship(), dispatch())
  .settleAll()
  .do(note, deliver());

test('the personal values of an order are found, and no others', () => {
  expect(personalTexts(states.completed.order)).toEqual([
    states.completed.order.customer.name,
    states.completed.order.payment.method,
  ]);
  const { customer, shippingAddress, payment, note: first } = person;
  expect(personalTexts(Scenario.empty.do(create(person)).order)).toEqual([
    customer.name,
    customer.email,
    ...Object.values(shippingAddress),
    payment.method,
    first,
  ]);
});

test('the order shows `forgotten` in place of the personal data, and the rest is unchanged', () => {
  const forgotten = completed.do(forget);
  expect(forgotten.order).toMatchObject({
    customer: { id: 'c-1', name: 'forgotten', email: 'forgotten' },
    shippingAddress: { name: 'forgotten', street: 'forgotten', city: 'forgotten', country: 'forgotten' },
    payment: { method: 'forgotten' },
    notes: [{ text: 'forgotten' }, { text: 'forgotten' }],
    forgotten: { at: completed.now, keys: ['key-1'] },
  });
  expect(forgotten.order.version).toBe(completed.order.version + 1);
  const { customer, shippingAddress, payment, notes, version } = forgotten.order;
  expect({ ...completed.order, customer, shippingAddress, payment, notes, version }).toEqual({
    ...forgotten.order,
    forgotten: undefined,
  });
  for (const value of ['Ada', 'ada@', 'Main St', 'Berlin', 'tok_of_ada', 'rings twice'])
    expect(JSON.stringify([forgotten.order, toView(forgotten.order)])).not.toContain(value);
});

test('members that an order never had are not added', () => {
  const { customer, shippingAddress } = states.closedForgotten.order;
  expect(customer).toEqual({ id: 'c-1', name: 'forgotten' });
  expect(shippingAddress).toBeUndefined();
});

test.each(Object.entries(states))(
  '%s: the personal data is forgotten only if nothing is left to do',
  (_, scenario) => {
    const { order } = scenario;
    const isOver = order.closed || ['rejected', 'cancelled', 'expired', 'completed'].includes(order.status);
    const isOwed = order.owed.length > 0 || order.returns.some(({ status }) => status === 'requested');
    expect(mayForget(order)).toBe(isOver && !isOwed);
    if (!mayForget(order)) given(scenario).when(forget).thenRefused({ code: 'order_open' });
  },
);

test('forgetting another customer’s order is refused', () => {
  const other: ForgetPerson = { ...forget, data: { ...forget.data, customerId: 'c-2' } };
  given(completed).when(other).thenRefused({ kind: 'invalid', code: 'other_customer' });
});

test('a second forgetting adds no event, unless there is another key or a new personal value', () => {
  const forgotten = completed.do(forget);
  given(forgotten).when(forget).thenEvents();
  const again: ForgetPerson = { ...forget, data: { ...forget.data, keys: ['key-2'] } };
  const keys = ['key-1', 'key-2'];
  expect(forgotten.do(again).order.forgotten).toEqual({ at: completed.now, keys });
  const noted = forgotten.do(note);
  expect(eventTypes(noted.do(forget), noted)).toEqual(['PersonForgotten']);
});

test('after a forgetting, goods may still come back in the return window and are refunded', () => {
  const returned = completed.do(forget, requestReturn(oneOfA), receive()).settleAll();
  expect(refundedAmount(returned.order)).toBeGreaterThan(0);
  expect(capturedAmount(returned.order)).toBe(capturedAmount(completed.order));
  expect(returned.wait(31 * day).order.closed).toBe(true);
});
