import { expect, test } from '@jest/globals';
import { commandIn } from '../../../../src/api/commands/kafka/command-record.js';
import { HttpProblem } from '../../../../src/api/problem.js';

function record(
  headers: Readonly<Record<string, string | Buffer>>,
  value: string | Buffer = '{}',
  key: string | Buffer | undefined = 'o-1',
) {
  return {
    partition: 2,
    offset: 41n,
    key: key === undefined ? undefined : Buffer.from(key),
    value: Buffer.from(value),
    headers: new Map(Object.entries(headers).map(([name, content]) => [name, Buffer.from(content)])),
  };
}

test('a record is a command of the topic’s own principal, with a key of its own', () => {
  const given = record({ command: 'DeliverShipment', 'shipment-id': 's1', 'if-match': '"4"', other: 'x' });
  expect(commandIn('orders.commands', given)).toEqual({
    orderId: 'o-1',
    command: { type: 'DeliverShipment', data: { shipmentId: 's1' } },
    meta: {
      issuer: 'kafka:orders.commands',
      key: 'orders.commands:2:41',
      actor: 'kafka:orders.commands',
      correlationId: 'orders.commands:2:41',
      expectedVersion: 4,
    },
  });
});

test('a record may have the client’s own key, and may name on whose behalf it acts', () => {
  const headers = {
    command: 'HoldOrder',
    'idempotency-key': 'k',
    'on-behalf-of': 'ada',
    'x-correlation-id': 'c',
  };
  expect(commandIn('t', record(headers, '{"reason":"why"}')).meta).toEqual({
    issuer: 'kafka:t',
    key: 'k',
    actor: 'kafka:t',
    onBehalfOf: 'ada',
    correlationId: 'c',
  });
});

test.each([
  ['no key', { ...record({ command: 'ReleaseOrder' }), key: undefined }],
  ['an empty key', record({ command: 'ReleaseOrder' }, '{}', '')],
  ['a key that is not UTF-8', record({ command: 'ReleaseOrder' }, '{}', Buffer.from([0xff]))],
  ['no command', record({})],
  ['an unknown command', record({ command: 'ForgetPerson' })],
  ['a command to a shipment without its id', record({ command: 'DeliverShipment' })],
  ['another id than the key', record({ command: 'CreateOrder' }, '{"id":"o-2"}')],
  ['an unknown member', record({ command: 'ReleaseOrder' }, '{"force":true}')],
  [
    'a body that is too long',
    record({ command: 'HoldOrder' }, JSON.stringify({ reason: 'x'.repeat(500_000) })),
  ],
  ['no JSON', record({ command: 'ReleaseOrder' }, '{')],
  ['no UTF-8', record({ command: 'ReleaseOrder' }, Buffer.from([0xff]))],
])('%s: this can never be a command', (_what, given) => {
  expect(() => commandIn('t', given)).toThrow(HttpProblem);
});

test('no command is on behalf of the system', () => {
  const given = record({ command: 'ReleaseOrder', 'on-behalf-of': 'Payments' });
  expect(() => commandIn('t', given)).toThrow('Payments is a name of the system');
});

test('headers that are not read may have any value', () => {
  const { command, meta } = commandIn(
    'orders.commands',
    record({ command: 'ReleaseOrder', schema: Buffer.from([0, 0xff]), constructor: Buffer.from([0xff]) }),
  );
  expect(command.type).toBe('ReleaseOrder');
  expect(meta).toMatchObject({ key: 'orders.commands:2:41', actor: 'kafka:orders.commands' });
  const bad = record({ command: 'ReleaseOrder', 'on-behalf-of': Buffer.from([0xff]) });
  expect(() => commandIn('orders.commands', bad)).toThrow('UTF-8');
});

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';

test.each([
  [`00-${trace}-00f067aa0ba902b7-01`, trace],
  ['no trace', undefined],
])('a command belongs to the trace that %s names', (traceparent, traceId) => {
  const { meta } = commandIn('orders.commands', record({ command: 'ReleaseOrder', traceparent }));
  expect(meta.traceId).toBe(traceId);
});
