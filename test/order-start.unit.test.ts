import { expect, test } from '@jest/globals';
import { fairnessKeyOf } from '../src/order-start.js';

test('a fairness key is the issuer, or a hash of an issuer that is too long for Temporal', () => {
  expect(fairnessKeyOf('shop')).toBe('shop');
  expect(fairnessKeyOf('i'.repeat(64))).toBe('i'.repeat(64));
  const [one, other] = [fairnessKeyOf(`${'i'.repeat(64)}1`), fairnessKeyOf(`${'i'.repeat(64)}2`)];
  expect(one).not.toBe(other);
  expect(Buffer.byteLength(one)).toBeLessThanOrEqual(64);
});
