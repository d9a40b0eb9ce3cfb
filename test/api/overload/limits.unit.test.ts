import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Http } from '../../../src/api/http.js';
import {
  type Admission,
  type Bounds,
  createAdmission,
  DEFAULT_BOUNDS,
} from '../../../src/api/overload/admission.js';
import { sendStream, type StreamPage } from '../../../src/api/queries/feed/server-sent-events.js';
import { createHttp, type HttpOptions } from '../../../src/api/server.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { until } from '../../support/until.js';

let app: Http;
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await app.close();
});

async function appWith(limits: HttpOptions = {}): Promise<void> {
  app = await createHttp(createLogger('silent'), limits);
}

/** A connection that reads nothing by itself. */
async function connected(): Promise<Socket> {
  // A server that listens on a port has an `AddressInfo`.
  const { port } = app.server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function answerOn(socket: Socket): Promise<string> {
  const [chunk] = await once(socket, 'data');
  return String(chunk);
}

const request = (method: string, path: string): string => `${method} ${path} HTTP/1.1\r\nhost: h\r\n`;
const empty = 'content-length: 0\r\n\r\n';

describe('a request beyond the limit', () => {
  let ends: (() => void)[] = [];
  let begun = 0;

  /** Serves `POST /held`, which is answered once the test calls its function in `ends`. */
  async function listen(bounds: Partial<Bounds>): Promise<Admission> {
    [ends, begun] = [[], 0];
    const admission = createAdmission({ ...DEFAULT_BOUNDS, ...bounds });
    await appWith({ admission });
    app.post('/held', { config: { access: 'open', work: 'create' } }, async ({ headers }) => {
      begun += 1;
      await new Promise<void>((resolve) => ends.push(resolve));
      return { name: headers['x-name'] };
    });
    app.get('/read', { config: { access: 'open' } }, async () => ({}));
    app.get('/health', { config: { access: 'open', work: 'none' } }, async () => ({}));
    await app.listen({ host: '127.0.0.1', port: 0 });
    return admission;
  }

  async function send(text: string): Promise<Socket> {
    const socket = await connected();
    socket.write(text);
    return socket;
  }

  const untilBegun = (count: number) => until(async () => expect(begun).toBe(count));

  test('is refused with 503 overloaded and Retry-After, and its handler does not run', async () => {
    await listen({ create: { most: 1, waiting: 0, waitMs: 0 } });
    const first = await send(request('POST', '/held') + empty);
    await untilBegun(1);
    const refused = await answerOn(await send(request('POST', '/held') + empty));
    expect(refused).toMatch(/^HTTP\/1.1 503 /);
    expect(refused).toMatch(/\r\nretry-after: [1-9]\d*\r\n/i);
    expect(refused).toContain('"code":"overloaded"');
    expect(begun).toBe(1);
    ends[0]?.();
    expect(await answerOn(first)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('is refused before its body is sent', async () => {
    await listen({ create: { most: 0, waiting: 0, waitMs: 0 } });
    const head = 'content-type: application/json\r\ncontent-length: 1000\r\n\r\n';
    expect(await answerOn(await send(request('POST', '/held') + head))).toMatch(/^HTTP\/1.1 503 /);
  });

  test('delays neither reads nor the health check', async () => {
    await listen({ create: { most: 0, waiting: 0, waitMs: 0 } });
    expect(await answerOn(await send(`${request('GET', '/read')}\r\n`))).toMatch(/^HTTP\/1.1 200 /);
    await app.close();
    const nothing = { most: 0, waiting: 0, waitMs: 0 };
    await listen({ create: nothing, read: nothing });
    expect(await answerOn(await send(`${request('GET', '/read')}\r\n`))).toMatch(/^HTTP\/1.1 503 /);
    expect(await answerOn(await send(`${request('GET', '/health')}\r\n`))).toMatch(/^HTTP\/1.1 200 /);
  });

  test('takes no place while its body is on its way', async () => {
    await listen({ create: { most: 1, waiting: 0, waitMs: 0 } });
    const begins = once(app.server, 'request');
    await send(`${request('POST', '/held')}content-type: application/json\r\ncontent-length: 2\r\n\r\n{`);
    await begins;
    await send(request('POST', '/held') + empty);
    await untilBegun(1);
  });

  test('begins when there is a place, unless its client has disconnected', async () => {
    const admission = await listen({ create: { most: 1, waiting: 2, waitMs: 60_000 } });
    await send(request('POST', '/held') + empty);
    await untilBegun(1);
    const waits = (count: number) => until(async () => expect(admission.state('create').waiting).toBe(count));
    const gone = await send(request('POST', '/held') + empty);
    await waits(1);
    const stays = await send(`${request('POST', '/held')}x-name: stays\r\n${empty}`);
    await waits(2);
    const connections = () =>
      new Promise<number>((resolve) => app.server.getConnections((_, n) => resolve(n)));
    gone.destroy();
    await until(async () => expect(await connections()).toBe(2));
    ends[0]?.();
    await untilBegun(2);
    ends[1]?.();
    expect(await answerOn(stays)).toContain('"name":"stays"');
    expect(begun).toBe(2);
  });
});

test('a request that takes longer than the configured time to arrive is answered 408', async () => {
  await appWith({ arrivesWithinMs: 1_500 });
  app.post('/slow', { config: { access: 'open' } }, async () => ({}));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const socket = await connected();
  socket.write(`${request('POST', '/slow')}content-type: application/json\r\ncontent-length: 9\r\n\r\n{`);
  // By default Node would check only after half a minute.
  expect(await answerOn(socket)).toMatch(/^HTTP\/1.1 408 [^]*"code":"request_timeout"/);
});

describe('a stream that its client does not read', () => {
  const page: StreamPage = [{ id: 1, data: { text: 'x'.repeat(100_000) } }];
  let sent = 0;

  async function listen(limits: HttpOptions, onSend = () => {}): Promise<Socket> {
    sent = 0;
    async function* endless(): AsyncGenerator<StreamPage> {
      for (;;) {
        sent += 1;
        onSend();
        yield page;
      }
    }
    await appWith(limits);
    app.get('/stream', { config: { access: 'open', work: 'stream' } }, async (_request, reply) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      await sendStream(reply, endless(), gone.signal);
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const socket = await connected();
    socket.pause();
    socket.write(`${request('GET', '/stream')}\r\n`);
    return socket;
  }

  /** Waits until all buffers between server and reader are full. */
  async function untilStuck(): Promise<void> {
    let before = -1;
    await until(async () => {
      const now = sent;
      const isStuck = now > 1 && now === before;
      before = now;
      expect(isStuck).toBe(true);
    });
  }

  test('is cut, and its place goes to another stream', async () => {
    const admission = createAdmission({ ...DEFAULT_BOUNDS, stream: { most: 1, waiting: 0, waitMs: 0 } });
    const whileSent: number[] = [];
    await listen({ admission, closesIdleAfterMs: 1_000 }, () =>
      whileSent.push(admission.state('stream').inFlight),
    );
    await until(async () => {
      expect(new Set(whileSent)).toEqual(new Set([1]));
      expect(admission.state('stream').inFlight).toBe(0);
    });
  });

  test('does not keep the application from closing', async () => {
    await listen({ closesIdleAfterMs: 600_000 });
    await untilStuck();
    await app.close();
    expect(app.server.listening).toBe(false);
  });

  test('is one of a limited number, beyond which further streams are refused', async () => {
    await listen({
      admission: createAdmission({ ...DEFAULT_BOUNDS, stream: { most: 1, waiting: 0, waitMs: 0 } }),
    });
    await untilStuck();
    const another = await connected();
    another.write(`${request('GET', '/stream')}\r\n`);
    expect(await answerOn(another)).toMatch(/^HTTP\/1.1 503 [^]*"code":"overloaded"/);
  });
});
