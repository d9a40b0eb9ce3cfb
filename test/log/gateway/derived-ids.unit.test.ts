import { expect, test } from '@jest/globals';
import { derivedId, hashOf } from '../../../src/log/gateway/derived-ids.js';

test('a hash depends neither on the sequence of keys nor on undefined members', () => {
  const one = { a: 1, b: { c: [1, { d: 2, e: 3 }], f: undefined } };
  const other = { b: { c: [1, { e: 3, d: 2 }] }, a: 1 };
  expect(hashOf(one)).toMatch(/^[0-9a-f]{16}$/);
  expect(hashOf(other)).toBe(hashOf(one));
});

test('a hash depends on values and on the sequence of items', () => {
  const hashes = [{ a: [1, 2] }, { a: [2, 1] }, { a: ['1', 2] }, { a: [1, 2], b: null }].map(hashOf);
  expect(new Set(hashes).size).toBe(hashes.length);
});

test('an id derives from principal and key, as a UUID of version 8', () => {
  const id = derivedId('ada', 'k-1');
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(derivedId('ada', 'k-1')).toBe(id);
  expect(derivedId('ada', 'k-2')).not.toBe(id);
  expect(derivedId('bob', 'k-1')).not.toBe(id);
});
