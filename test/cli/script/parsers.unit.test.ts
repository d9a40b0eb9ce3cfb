import { describe, expect, test } from '@jest/globals';
import { InvalidArgumentError } from 'commander';
import {
  amendedLines,
  amount,
  commaList,
  json,
  newLines,
  quantities,
  waitSeconds,
} from '../../../src/cli/script/parsers.js';

describe('a new line of an order', () => {
  test('is SKU, quantity and unit price in minor units', () => {
    expect(newLines('A-1:2:1999')).toEqual([{ sku: 'A-1', quantity: 2, unitPrice: 1999 }]);
  });

  test('may have a name, also one with colons', () => {
    expect(newLines('A-1:2:0:Mug: green')).toEqual([
      { sku: 'A-1', quantity: 2, unitPrice: 0, name: 'Mug: green' },
    ]);
  });

  test('is added to those before it', () => {
    expect(newLines('B-7:1:5', newLines('A-1:2:1999')).map(({ sku }) => sku)).toEqual(['A-1', 'B-7']);
  });

  test.each(['', 'A-1', 'A-1:2', 'A-1:2:', ':2:1999', 'A-1::1999', 'A-1:two:1999', 'A-1:-2:1', 'A-1:1e3:1'])(
    'is refused as %j',
    (text) => {
      expect(() => newLines(text)).toThrow(InvalidArgumentError);
    },
  );
});

describe('an amount', () => {
  test.each(['19.99', '19,99'])('in major units, %s, is refused with its correct form', (text) => {
    expect(() => amount(text)).toThrow('write 1999 for EUR 19.99');
  });

  test.each(['', '-1', '1e3', '0x10', ' 1', '9007199254740993', 'NaN'])('is refused as %j', (text) => {
    expect(() => amount(text)).toThrow(InvalidArgumentError);
  });
});

describe('a quantity of a SKU', () => {
  test('is read', () => expect(quantities('A-1:2')).toEqual([{ sku: 'A-1', quantity: 2 }]));

  test('is read of a SKU with colons', () => {
    expect(quantities('urn:mug:3')).toEqual([{ sku: 'urn:mug', quantity: 3 }]);
  });

  test.each(['A-1', 'A-1:', ':1', 'A-1:1.5', 'A-1:1:1999:'])('is refused as %j', (text) => {
    expect(() => quantities(text)).toThrow(InvalidArgumentError);
  });
});

test('a colon of a SKU is written with a backslash, where it could also end the SKU', () => {
  expect(newLines(String.raw`A\:1:2:500`)).toEqual([{ sku: 'A:1', quantity: 2, unitPrice: 500 }]);
  expect(amendedLines(String.raw`A\:1:2`)).toEqual([{ sku: 'A:1', quantity: 2 }]);
  expect(amendedLines(String.raw`A\:1:2:500`)).toEqual([{ sku: 'A:1', quantity: 2, unitPrice: 500 }]);
  expect(quantities(String.raw`A\:1:2`)).toEqual([{ sku: 'A:1', quantity: 2 }]);
  expect(() => amendedLines('urn:mug:3')).toThrow(String.raw`\: for a colon in a SKU`);
});

test('texts with commas between them are read without the spaces around them', () => {
  expect(commaList('k-1, k-2')).toEqual(['k-1', 'k-2']);
});

test('an amended line has a price if it is new', () => {
  expect(amendedLines('B-7:1:500', amendedLines('A-1:3'))).toEqual([
    { sku: 'A-1', quantity: 3 },
    { sku: 'B-7', quantity: 1, unitPrice: 500 },
  ]);
});

test('a wait is at most 30 seconds, as at the API', () => {
  expect(waitSeconds('30')).toBe(30);
  expect(() => waitSeconds('31')).toThrow(InvalidArgumentError);
});

test('invalid JSON is refused', () => {
  expect(json('{"city":"Berlin"}')).toEqual({ city: 'Berlin' });
  expect(() => json('{city}')).toThrow(InvalidArgumentError);
});
