import { expect, test } from '@jest/globals';
import { fieldOf, type Path, personalPathsIn } from '../../src/sealing/fields.js';
import { seal } from '../../src/sealing/seal.js';
import { bodyParts } from '../../src/api/commands/body-parts.js';
import { commands } from '../../src/api/commands/table.js';
import { countPersonalValues, noPersonalValues } from '../../src/forgetting/personal-values.js';
import { followUpTypes } from '../../src/order/commands.js';
import { personalMembers as ofOrder, personalTexts, withoutPerson } from '../../src/order/forget.js';
import { AFTER_EVERY_NAME } from '../../src/views/customers.js';
import { create, states } from '../order/examples.js';
import { Scenario } from '../order/specification.js';

const key = { keyId: 'AAAAAAAAAAAA', key: Buffer.alloc(32, 1) };
const sealed = seal(key, { orderId: 'o-1', field: 'customer.name' }, 'Ada');

function personsIn(value: unknown) {
  const found = noPersonalValues();
  countPersonalValues(found, value);
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
  ['what is forgotten in the view of customers', { lastOrder: { name: AFTER_EVERY_NAME } }, 0],
])('values in plain text are counted: %s', (_, value, plain) => {
  expect(personsIn(value)).toEqual({ plain, sealed: {} });
});

test('sealed values are found by their key, but not where they were copied to', () => {
  const value = { customer: { name: sealed }, notes: [{ text: sealed }], tags: [sealed], reason: sealed };
  expect(personsIn(value)).toEqual({ plain: 0, sealed: { AAAAAAAAAAAA: 2 } });
});

test('an order that was forgotten has no personal values', () => {
  expect(personsIn(states.closedForgotten.order)).toEqual({ plain: 0, sealed: {} });
  expect(personsIn(states.closed.order).plain).toBeGreaterThan(0);
});

/** The personal members of every command, by the marks in its schema. */
const marked = (['CreateOrder', ...followUpTypes] as const).map(
  (type) => [type, personalPathsIn(commands[type].body(bodyParts))] as const,
);

test('the members that are sealed, forgotten and searched for are the same', () => {
  const sealedFields = new Set(marked.flatMap(([, paths]) => paths.map(fieldOf)));
  const forgottenFields = Object.entries(ofOrder).flatMap(([owner, names]) =>
    names.map((name) => fieldOf([owner, name])),
  );
  expect(sealedFields).toEqual(new Set(forgottenFields));
  for (const [type, paths] of marked)
    for (const path of paths)
      expect({ type, path, ...personsIn(withText({}, path, 'Ada')) }).toEqual({
        type,
        path,
        plain: 1,
        sealed: {},
      });
});

test('an order that has every personal member forgets each of them', () => {
  const [, paths = []] = marked.find(([type]) => type === 'CreateOrder') ?? [];
  const texts = paths.map((path) => `text of ${path.join('.')}`);
  const everything = paths.reduce<object>(
    (data, path, index) => withText(data, path, texts[index] ?? ''),
    create().data,
  );
  const { order } = Scenario.empty.do(create(everything));
  expect(personalTexts(order).toSorted()).toEqual(texts.toSorted());
  const left = JSON.stringify(withoutPerson(order));
  expect(texts.filter((text) => left.includes(text))).toEqual([]);
});

function withText(data: object, [name = '', ...rest]: Path, text: string): object {
  if (rest.length === 0) return { ...data, [name]: text };
  const inner: unknown = Reflect.get(data, name);
  return { ...data, [name]: withText(typeof inner === 'object' && inner !== null ? inner : {}, rest, text) };
}
