import { expect, test } from '@jest/globals';
import { seal } from '../../src/access/persons/sealing.js';
import { addPersons, noPersons } from '../../src/forgetting/persons-in.js';
import { GREATEST_NAME } from '../../src/views/customers.js';
import { states } from '../order/examples.js';

const key = { keyId: 'AAAAAAAAAAAA', key: Buffer.alloc(32, 1) };
const sealed = seal(key, { orderId: 'o-1', field: 'customer.name' }, 'Ada');

function personsIn(value: unknown) {
  const found = noPersons();
  addPersons(found, value);
  return { plain: found.plain, sealed: Object.fromEntries(found.sealed) };
}

test.each([
  ['a customer', { customer: { id: 'c-1', name: 'Ada', email: 'ada@example.org' } }, 2],
  ['an address', { shippingAddress: { street: '1 Main St', city: 'Berlin', country: 'DE' } }, 3],
  ['a payment method', { payment: { method: 'tok_ok' } }, 1],
  ['the payment method of an effect', [{ effect: { type: 'authorize', method: 'tok_ok' } }], 1],
  ['notes', { note: 'ring', notes: [{ text: 'twice', at: 'now', actor: 'me' }] }, 2],
  ['a name in the view of customers', { lastOrder: { orderId: 'o-1', name: 'Ada' } }, 1],
  ['what is not personal', { lines: [{ sku: 'A', name: 'Anvil' }], reason: 'late', tags: ['a'] }, 0],
  ['what is forgotten', { customer: { id: 'c-1', name: 'forgotten' } }, 0],
  ['what is forgotten in the view of customers', { lastOrder: { name: GREATEST_NAME } }, 0],
])('in plain text: %s', (_, value, plain) => {
  expect(personsIn(value)).toEqual({ plain, sealed: {} });
});

test('sealed values are found by their key, but not where somebody copied one to', () => {
  const value = { customer: { name: sealed }, notes: [{ text: sealed }], tags: [sealed], reason: sealed };
  expect(personsIn(value)).toEqual({ plain: 0, sealed: { AAAAAAAAAAAA: 2 } });
});

test('an order that was forgotten has none', () => {
  expect(personsIn(states.closedForgotten.order)).toEqual({ plain: 0, sealed: {} });
  expect(personsIn(states.closed.order).plain).toBeGreaterThan(0);
});
