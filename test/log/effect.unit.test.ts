import { expect, test } from '@jest/globals';
import { effectKey, effectKeyParts } from '../../src/log/effect.js';

test('the parts of an effect’s key are those that it was made of', () => {
  const parts = { orderId: 'o-1', type: 'reserve', version: 12 };
  expect(effectKeyParts(effectKey(parts))).toEqual(parts);
});

test.each(['o-1', 'o-1:12', 'api:ada:some-key', 'o-1:reserve:12:1'])('%s is the key of no effect', (key) => {
  expect(effectKeyParts(key)).toBeUndefined();
});
