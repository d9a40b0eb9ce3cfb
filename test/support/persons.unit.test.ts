import { expect, test } from '@jest/globals';
import { assertNoPersons, rememberPersons } from './persons.js';

test('the tests search their logs and refusals for the personal values that they have sent', () => {
  const street = 'Nowhere Lane 12';
  expect(() => assertNoPersons('a log', `shipped to ${street}`)).not.toThrow();
  rememberPersons({ customer: { id: 'customer-12345' }, shippingAddress: { street, country: 'DE' } });
  expect(() => assertNoPersons('a log', `shipped to ${street}`)).toThrow(street);
  expect(() => assertNoPersons('a log', 'customer-12345, DE')).not.toThrow();
});

test('notes and payment methods are among those values', () => {
  rememberPersons({ text: 'ring at the back door', payment: { method: 'tok_of_this_test' } });
  for (const text of ['ring at the back door', 'tok_of_this_test'])
    expect(() => assertNoPersons('a refusal', JSON.stringify({ detail: text }))).toThrow(text);
});
