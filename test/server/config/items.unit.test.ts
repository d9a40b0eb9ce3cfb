import { expect, test } from '@jest/globals';
import { itemsIn } from '../../../src/server/config/items.js';

test.each([
  ['a', ['a']],
  [' a , b c,', ['a', 'b c']],
  ['"a, b",c', ['a, b', 'c']],
  ['c, "a, b" , "d"', ['c', 'a, b', 'd']],
  ['"12"" pipe, long"', ['12" pipe, long']],
  ['12" pipe,a "b"', ['12" pipe', 'a "b"']],
  ['"a" b,c', ['"a" b', 'c']],
  [' , ,', []],
  ['""', ['""']],
  ['', []],
])('%s', (text, items) => {
  expect(itemsIn(text)).toEqual(items);
});

test.each(['"a"",b', '"a, b', 'c, "a', '"', '"a, b" c'])('%s has a quote that is not closed', (text) => {
  expect(itemsIn(text)).toBeUndefined();
});
