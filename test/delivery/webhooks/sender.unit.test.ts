import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { backOffMs } from '../../../src/concurrency/back-off.js';
import { cloudEventType } from '../../../src/delivery/cloud-events.js';
import {
  DOWN_AFTER,
  failed,
  healthy,
  isDown,
  isGivenUp,
  isResting,
  RETRY_POLICY,
  succeeded,
} from '../../../src/delivery/health.js';
import { isPublic, refusePrivate } from '../../../src/delivery/webhooks/public-addresses.js';
import { createSender, retryAfter, type SendResult } from '../../../src/delivery/webhooks/sender.js';
import { type Receiver, startReceiver } from './receiver.js';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());

describe('the guard against private addresses', () => {
  test.each(['8.8.8.8', '93.184.216.34', '2606:4700::1111'])('%s is public', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001::1',
    'fe80::1',
    'fc00::1',
    'ff02::1',
    'localhost',
    '',
  ])('%s is private', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  test.each([
    'http://8.8.8.8/',
    'https://127.0.0.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://[::1]/',
  ])('%s is refused', (url) => {
    expect(() => refusePrivate(new URL(url))).toThrow(expect.objectContaining({ name: 'NotPublic' }));
  });

  test('nothing is sent to a private receiver, whether it is an address or a name', async () => {
    const sender = createSender({ allowPrivate: false });
    for (const host of ['127.0.0.1', 'localhost']) {
      const sent = await sender.post(`https://${host}:${new URL(receiver.url).port}/`, '{}', {});
      expect(sent).toMatchObject({ error: expect.stringContaining('no public address') });
    }
    expect(await sender.post(receiver.url, '{}', {})).toMatchObject({ error: 'it is not https' });
    expect(receiver.received).toEqual([]);
    sender.close();
  });
});

test('an endless answer is cut off, and its beginning is kept', async () => {
  const sender = createSender({ allowPrivate: true });
  receiver.answer('/endless', (_message, response) => {
    response.writeHead(200);
    const more = (): void => void (response.destroyed || response.write('x'.repeat(16_384), more));
    more();
  });
  const sent = await sender.post(`${receiver.url}/endless`, '{}', {});
  expect(sent).toMatchObject({ status: 200, answer: 'x'.repeat(1_024) });
  sender.close();
});

test('an answer is read up to 64 kB, and waited for up to 10 s', async () => {
  const sender = createSender({ allowPrivate: true });
  const begun = (path: string, bytes: number) =>
    new Promise<void>((resolve) => {
      receiver.answer(path, (_message, response) => {
        response.writeHead(200).write('x'.repeat(bytes), () => resolve());
      });
    });
  // Neither answer ends.
  const [more, less] = [begun('/more', 65_537), begun('/less', 65_536)];
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance'] });
  try {
    expect(await sender.post(`${receiver.url}/more`, '{}', {})).toMatchObject({ status: 200 });
    let sent: SendResult | undefined;
    const waiting = sender.post(`${receiver.url}/less`, '{}', {}).then((one) => (sent = one));
    await Promise.all([more, less]);
    jest.advanceTimersByTime(9_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toBeUndefined();
    jest.advanceTimersByTime(1);
    expect(await waiting).toMatchObject({ error: 'no complete answer in 10000 ms' });
  } finally {
    jest.useRealTimers();
    sender.close();
  }
});

test('a missing receiver, and one whose answer is not HTTP, are failures', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('220 smtp.example ESMTP\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const sender = createSender({ allowPrivate: true });
  const sent = await sender.post(`http://127.0.0.1:${port}/`, '{}', {});
  expect(sent).toMatchObject({ error: expect.stringContaining('Parse Error') });
  server.close();
  await once(server, 'close');
  const away = await sender.post(`http://127.0.0.1:${port}/`, '{}', {});
  expect(away).toMatchObject({ error: expect.stringContaining('ECONNREFUSED') });
  sender.close();
});

test('an answer that switches protocols is a failure at once', async () => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(switching));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const sender = createSender({ allowPrivate: true });
  const sent = await sender.post(`http://127.0.0.1:${port}/`, '{}', {});
  expect(sent).toMatchObject({ error: 'the connection was closed without an answer' });
  sender.close();
  server.close();
});

test('an event tried only a few times is not given up, however long that took', () => {
  const [since, now] = ['2026-01-01T00:00:00Z', Date.parse('2026-01-04T00:00:00Z')];
  const givenUp = [isGivenUp(2, since, now, RETRY_POLICY), isGivenUp(DOWN_AFTER, since, now, RETRY_POLICY)];
  expect([...givenUp, isGivenUp(DOWN_AFTER, since, now - 1, RETRY_POLICY)]).toEqual([false, true, false]);
});

test('Retry-After is seconds or a date, and an hour at most', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const given = [
    '120',
    'Thu, 01 Jan 2026 00:01:00 GMT',
    'Wed, 31 Dec 2025 00:00:00 GMT',
    '999999',
    'soon',
    undefined,
  ];
  expect(given.map((value) => retryAfter(value, now))).toEqual([
    120_000,
    60_000,
    0,
    3_600_000,
    undefined,
    undefined,
  ]);
});

test('pauses after failures grow, and an endpoint that is down is left alone for a while', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect([1, 2, 3, 30].map((attempts) => backOffMs(attempts, RETRY_POLICY))).toEqual([
    5_000, 10_000, 20_000, 3_600_000,
  ]);
  let health = failed(healthy, now, RETRY_POLICY);
  expect(health).toEqual({ failures: 1, failingSince: '2026-01-01T00:00:00.000Z' });
  for (let count = 1; count < DOWN_AFTER; count += 1) health = failed(health, now + count, RETRY_POLICY);
  expect(health).toMatchObject({ failingSince: '2026-01-01T00:00:00.000Z' });
  expect([isDown(health), isResting(health, now), isResting(health, now + 3_600_000)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(isResting(failed(healthy, now, RETRY_POLICY, 1_000), now + 999)).toBe(true);
  expect(succeeded(now)).toEqual({ failures: 0, lastSuccessAt: '2026-01-01T00:00:00.000Z' });
});

test.each([
  ['OrderConfirmed', 1, 'order.confirmed.v1'],
  ['CaptureWrittenOff', 2, 'capture.written_off.v2'],
])('%s of schema version %i is %s', (type, version, name) => {
  expect(cloudEventType(type, version)).toBe(name);
});
