import { expect, test } from '@jest/globals';
import { chartsOf } from '../../../../src/web/pages/system/series.js';

test('revenue has the digits of its currency', () => {
  const day = '2026-11-29';
  const none = { created: 0, confirmed: 0, cancelled: 0, rejected: 0, expired: 0 };
  const others = { ...none, day, cancellationRate: null, timeToConfirm: null };
  const found = [
    { ...others, currency: 'EUR', revenue: 123_456 },
    { ...others, currency: 'JPY', revenue: '123456' },
  ];
  const revenue = chartsOf(day, day, found).find(({ title }) => title === 'Revenue, EUR, JPY');
  const shown = revenue?.names.map((name, index) => revenue.format(revenue.values[index]?.[0] ?? null, name));
  expect(shown).toEqual(['1,234.56', '123,456']);
});
