import { expect, test } from '@jest/globals';
import { keptHeaders } from '../../../../src/api/commands/kafka/refusal-topic.js';

test('a refusal starts with the headers of the command, without those that would make it too large', () => {
  const many = Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'x'.repeat(4_000)]);
  const kept = keptHeaders({
    headers: headersOf({
      ...(Object.fromEntries(many) as Record<string, string>),
      large: 'x'.repeat(1_000_000),
      'refused-record': 'of another',
      command: 'ReleaseOrder',
    }),
  });
  expect(kept[0]?.[0]).toBe('command');
  expect(kept.map(([name]) => name)).not.toContain('large');
  expect(kept.map(([name]) => name)).not.toContain('refused-record');
  const bytes = kept.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(100_000);
});

function headersOf(headers: Readonly<Record<string, string>>): ReadonlyMap<string, Buffer> {
  return new Map(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]));
}
