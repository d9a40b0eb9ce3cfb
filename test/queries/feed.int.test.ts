import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { feedHead } from '../../src/event-log/feed.js';
import { appendToJournal, ensureJournalIndexes, journal, readJournal } from '../../src/event-log/journal.js';
import { sequence } from '../../src/event-log/sequencer.js';
import { projectOrder } from '../../src/projections/orders.js';
import { logOf } from '../activities/database.js';
import { states } from '../domain/examples.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { until } from '../support/until.js';

let api: TestApi;
let address: string;
const stopping = new AbortController();
let sequencing: Promise<unknown>;

beforeAll(async () => {
  api = await startTestApi();
  await ensureJournalIndexes(api.mongo.db);
  address = await api.app.listen({ host: '127.0.0.1', port: 0 });
  sequencing = sequence({ db: api.mongo.db, signal: stopping.signal, beat: () => undefined });
});
afterAll(async () => {
  stopping.abort();
  await sequencing;
  await api.close();
});

/** An order's log in the journal, and in its view, and in the feed. */
async function recordOrder(): Promise<{ orderId: string; count: number }> {
  const { db } = api.mongo;
  const orderId = randomUUID();
  const log = logOf(states.refunded, orderId);
  await appendToJournal(db, log);
  await projectOrder(db, orderId);
  await until(async () => expect((await readJournal(db, orderId)).at(-1)?.position).toBeGreaterThan(0));
  return { orderId, count: log.length };
}

interface Received {
  readonly id: number;
  readonly event: { readonly orderId: string; readonly version: number; readonly position: number };
}

/** Reads a stream, as a browser does, until it has `count` events; then goes. */
async function receive(
  path: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<Received[]> {
  const received: Received[] = [];
  for await (const item of open(path, headers)) {
    received.push(item);
    if (received.length === count) break;
  }
  return received;
}

async function* open(path: string, headers: Record<string, string> = {}): AsyncGenerator<Received> {
  const leaving = new AbortController();
  const response = await fetch(`${address}${path}`, { headers, signal: leaving.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? [];
        if (id !== undefined && data !== undefined) yield { id: Number(id), event: JSON.parse(data) };
      }
    }
  } finally {
    leaving.abort();
  }
}

describe('the feed', () => {
  test('is read page by page, each event once, and ends without a cursor', async () => {
    const { count } = await recordOrder();
    const positions: number[] = [];
    let path = '/v1/events?limit=4';
    for (;;) {
      const { status, body } = await api.get(path);
      expect(status).toBe(200);
      positions.push(...body.data.map((event: { position: number }) => event.position));
      if (body.nextCursor === undefined) break;
      path = `/v1/events?limit=4&after=${body.nextCursor}`;
    }
    expect(positions).toEqual(Array.from({ length: positions.length }, (_, index) => index + 1));
    expect(positions.length).toBeGreaterThanOrEqual(count);
  });

  test('refuses a position that cannot be, with the one that is the last', async () => {
    const head = await feedHead(api.mongo.db);
    expect(await api.get(`/v1/events?after=${head + 1}`)).toMatchObject({
      status: 400,
      body: { code: 'position_unknown', head },
    });
    expect(await api.get('/v1/events/stream', { 'last-event-id': String(head + 1) })).toMatchObject({
      status: 400,
    });
    for (const query of [
      'after=-1',
      'after=x',
      'after=1.5',
      'limit=0',
      'limit=1001',
      'after=1&after=2',
      'until=3',
    ]) {
      expect(await api.get(`/v1/events?${query}`)).toMatchObject({ status: 400 });
    }
    expect(await api.get('/v1/events/stream', { 'last-event-id': 'seven' })).toMatchObject({ status: 400 });
  });
});

describe('the live feed', () => {
  test('goes on after Last-Event-ID, from the past into what is recorded later', async () => {
    const { count } = await recordOrder();
    const head = await feedHead(api.mongo.db);
    const receiving = receive('/v1/events/stream', count + 3, { 'last-event-id': String(head - 3) });
    await recordOrder();
    const received = await receiving;
    expect(received.map(({ id }) => id)).toEqual(
      Array.from({ length: count + 3 }, (_, index) => head - 2 + index),
    );
    expect(received.every(({ id, event }) => id === event.position)).toBe(true);
  });

  test('has no HEAD: it would never be answered', async () => {
    const { orderId } = await recordOrder();
    for (const path of ['/v1/events/stream', `/v1/orders/${orderId}/stream`]) {
      const { status, headers } = await fetch(address + path, {
        method: 'HEAD',
        signal: AbortSignal.timeout(5_000),
      });
      expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'GET' });
    }
  });

  test('begins with what comes next where nothing is asked for', async () => {
    await recordOrder();
    const stream = open('/v1/events/stream');
    const first = stream.next();
    const head = await feedHead(api.mongo.db);
    await until(async () => expect(await listeners()).toBeGreaterThan(0));
    await recordOrder();
    expect((await first).value.id).toBe(head + 1);
    await stream.return(undefined);
  });

  test('goes on behind events that were lost', async () => {
    const lost = await recordOrder();
    const head = await feedHead(api.mongo.db);
    await journal(api.mongo.db).deleteMany({ orderId: lost.orderId });
    const receiving = receive('/v1/events/stream', 2, { 'last-event-id': String(head - lost.count) });
    await recordOrder();
    expect((await receiving).map(({ id }) => id)).toEqual([head + 1, head + 2]);
    const { body } = await api.get(`/v1/events?after=${head - lost.count}&limit=1`);
    expect(body).toMatchObject({ data: [{ position: head + 1 }], nextCursor: String(head + 1) });
  });

  test('a reader that does not read costs no memory, and has every event in the end', async () => {
    const head = await feedHead(api.mongo.db);
    const stream = open('/v1/events/stream', { 'last-event-id': String(head) });
    const counts = [];
    for (let order = 0; order < 20; order += 1) counts.push((await recordOrder()).count);
    const total = counts.reduce((sum, count) => sum + count);
    await setTimeout(0);
    const ids: number[] = [];
    for await (const { id } of stream) {
      ids.push(id);
      if (ids.length === total) break;
    }
    expect(ids).toEqual(Array.from({ length: total }, (_, index) => head + 1 + index));
  });
});

describe('the live log of an order', () => {
  test('is its log from the first event on, and after a version where one is named', async () => {
    const { orderId, count } = await recordOrder();
    const path = `/v1/orders/${orderId}/stream`;
    const all = await receive(path, count);
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    const rest = await receive(path, 2, { 'last-event-id': String(count - 2) });
    expect(rest.map(({ event }) => event.version)).toEqual([count - 1, count]);
  });

  test('tells what is recorded later, and nothing of other orders', async () => {
    const { db } = api.mongo;
    const orderId = randomUUID();
    const log = logOf(states.refunded, orderId);
    await appendToJournal(db, log.slice(0, 4));
    await projectOrder(db, orderId);
    const receiving = receive(`/v1/orders/${orderId}/stream`, log.length);
    await recordOrder();
    await appendToJournal(db, log.slice(4));
    const received = await receiving;
    expect(received.map(({ event }) => `${event.orderId}:${event.version}`)).toEqual(
      log.map(({ version }) => `${orderId}:${version}`),
    );
  });

  test('is refused for an order that is not there, and a version it has not reached', async () => {
    const { orderId, count } = await recordOrder();
    expect(await api.get(`/v1/orders/${randomUUID()}/stream`)).toMatchObject({ status: 404 });
    expect(
      await api.get(`/v1/orders/${orderId}/stream`, { 'last-event-id': String(count + 1) }),
    ).toMatchObject({
      status: 400,
      body: { code: 'version_unknown', version: count },
    });
  });
});

async function listeners(): Promise<number> {
  return await new Promise((resolve, reject) => {
    api.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
