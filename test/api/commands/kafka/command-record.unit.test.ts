import { expect, test } from '@jest/globals';
import { commandIn } from '../../../../src/api/commands/kafka/command-record.js';
import { keptHeaders } from '../../../../src/api/commands/kafka/refusal-topic.js';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';

function record(headers: Readonly<Record<string, string | Buffer>>) {
  return {
    partition: 1,
    offset: 7n,
    key: Buffer.from('o-1'),
    value: undefined,
    headers: new Map(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)])),
  };
}

test('headers that are not read may be anything', () => {
  const { command, meta } = commandIn(
    'orders.commands',
    record({ command: 'ReleaseOrder', schema: Buffer.from([0, 0xff]), constructor: Buffer.from([0xff]) }),
  );
  expect(command.type).toBe('ReleaseOrder');
  expect(meta).toMatchObject({ key: 'orders.commands:1:7', actor: 'kafka:orders.commands' });
  const bad = record({ command: 'ReleaseOrder', 'on-behalf-of': Buffer.from([0xff]) });
  expect(() => commandIn('orders.commands', bad)).toThrow('UTF-8');
});

test.each([
  [`00-${trace}-00f067aa0ba902b7-01`, trace],
  ['no trace', undefined],
])('a command belongs to the trace that %s names', (traceparent, traceId) => {
  const { meta } = commandIn('orders.commands', record({ command: 'ReleaseOrder', traceparent }));
  expect(meta.traceId).toBe(traceId);
});

test('a refusal has the headers of the command first, and none that make it too large', () => {
  const many = Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'x'.repeat(4_000)]);
  const kept = keptHeaders(
    record({
      ...(Object.fromEntries(many) as Record<string, string>),
      large: 'x'.repeat(1_000_000),
      'refused-record': 'of another',
      command: 'ReleaseOrder',
    }),
  );
  expect(kept[0]?.[0]).toBe('command');
  expect(kept.map(([name]) => name)).not.toContain('large');
  expect(kept.map(([name]) => name)).not.toContain('refused-record');
  const bytes = kept.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(100_000);
});
