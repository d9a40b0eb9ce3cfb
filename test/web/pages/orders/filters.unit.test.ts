import { expect, test } from '@jest/globals';
import { asQuery } from '../../../../src/web/pages/orders/filters.js';

test('a day becomes a time only in the filters of days', () => {
  expect(asQuery({ 'createdAt[gte]': '2026-11-29', q: '2026-11-29', tag: '2026-11-29' })).toEqual({
    'createdAt[gte]': new Date('2026-11-29T00:00:00').toISOString(),
    q: '2026-11-29',
    tag: '2026-11-29',
  });
});

test('what is not a day is left to the API', () => {
  const filters = { 'createdAt[gte]': '2026-13-01', 'createdAt[lt]': 'yesterday' };
  expect(asQuery(filters)).toEqual(filters);
});
