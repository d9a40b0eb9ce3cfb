import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createSender, retryAfter, type SendResult } from '../../../src/delivery/webhooks/sender.js';
import { listen } from '../../support/listen.js';
import { type Receiver, startReceiver } from './receiver.js';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());

test('nothing is sent to a private receiver, whether it is an address or a name', async () => {
  const sender = createSender({ allowPrivate: false });
  for (const host of ['127.0.0.1', 'localhost']) {
    const sent = await sender.post(`https://${host}:${new URL(receiver.url).port}/`, '{}', {});
    expect(sent).toMatchObject({ error: expect.stringContaining('not a public address') });
  }
  expect(await sender.post(receiver.url, '{}', {})).toMatchObject({ error: 'it is not https' });
  expect(receiver.received).toEqual([]);
  sender.close();
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
  const port = await listen(server);
  const sender = createSender({ allowPrivate: true });
  const sent = await sender.post(`http://127.0.0.1:${port}/`, '{}', {});
  expect(sent).toMatchObject({ error: expect.stringContaining('Parse Error') });
  server.close();
  await once(server, 'close');
  const away = await sender.post(`http://127.0.0.1:${port}/`, '{}', {});
  expect(away).toMatchObject({ error: expect.stringContaining('ECONNREFUSED') });
  sender.close();
});

test('an answer that switches protocols is a failure immediately', async () => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(switching));
  });
  const port = await listen(server);
  const sender = createSender({ allowPrivate: true });
  const sent = await sender.post(`http://127.0.0.1:${port}/`, '{}', {});
  expect(sent).toMatchObject({ error: 'the connection was closed without an answer' });
  sender.close();
  server.close();
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
