import { expect, test } from '@jest/globals';
import { fairnessKeyOf } from '../src/order-start.js';

test('a fairness key is the issuer; of one that is too long for Temporal, a hash', () => {
  expect(fairnessKeyOf('shop')).toBe('shop');
  expect(fairnessKeyOf('i'.repeat(64))).toBe('i'.repeat(64));
  const [one, other] = [fairnessKeyOf(`${'i'.repeat(64)}1`), fairnessKeyOf(`${'i'.repeat(64)}2`)];
  expect(one).not.toBe(other);
  expect(Buffer.byteLength(one)).toBeLessThanOrEqual(64);
});
