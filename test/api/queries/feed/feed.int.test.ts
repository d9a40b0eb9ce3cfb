import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AbstractCursor, type Db } from 'mongodb';
import { MAX_READERS, readerRows } from '../../../../src/delivery/readers.js';
import { feedHead } from '../../../../src/log/feed/feed.js';
import { beginGeneration, feedGenerations, feedState } from '../../../../src/log/feed/generations.js';
import { appendToJournal } from '../../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes, journal } from '../../../../src/log/journal/journal.js';
import { readJournal, readStored } from '../../../../src/log/journal/read-journal.js';
import { updateStateView } from '../../../../src/log/journal/update-state-view.js';
import { orderLog } from '../../../../src/order-log.js';
import { states } from '../../../order/examples.js';
import { placedOrder, startTestApi, type TestApi } from '../../../support/api.js';
import { breakableMongodb } from '../../../support/breakable-server.js';
import { logOf } from '../../../support/database.js';
import { startSequencing } from '../../../support/sequencing.js';
import { until } from '../../../support/until.js';

let api: TestApi;
let address: string;
let stopSequencing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi();
  await ensureJournalIndexes(orderLog, api.mongo.db);
  address = await api.app.listen({ host: '127.0.0.1', port: 0 });
  stopSequencing = startSequencing(api.mongo.db);
});
afterAll(async () => {
  await stopSequencing();
  await api.close();
});

/** Records an order's log in the journal and the view, and waits for its positions in the feed. */
async function recordOrder(more: object = {}): Promise<{ orderId: string; count: number }> {
  const { db } = api.mongo;
  const orderId = randomUUID();
  const [created, ...others] = logOf(states.refunded, orderId);
  const log = [{ ...created, data: { ...created?.data, ...more } }, ...others] as ReturnType<typeof logOf>;
  await appendToJournal(orderLog, db, log);
  await updateStateView(orderLog, db, orderId);
  await untilPositioned(db, orderId);
  return { orderId, count: log.length };
}

/** Keeps the checkpoint of a named reader. */
async function keepCheckpoint(reader: string, place: object, headers: Readonly<Record<string, string>> = {}) {
  return await api.send('PUT', `/v1/readers/${reader}`, JSON.stringify(place), {
    'content-type': 'application/json',
    ...headers,
  });
}

interface Received {
  readonly id: number;
  readonly event: { readonly orderId: string; readonly version: number; readonly position: number };
}

/** Reads a stream, as a browser does, until it has `count` events, and disconnects. */
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

function open(path: string, headers: Record<string, string> = {}, opened?: () => void) {
  return openAt(address, path, headers, opened);
}

/** @param opened called once the stream has begun */
async function* openAt(
  base: string,
  path: string,
  headers: Record<string, string> = {},
  opened?: () => void,
): AsyncGenerator<Received> {
  const leaving = new AbortController();
  const response = await fetch(`${base}${path}`, { headers, signal: leaving.signal });
  opened?.();
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, id, data] = /^id: (\d+)(?:@\d+)?\ndata: (.*)$/.exec(block) ?? [];
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

  test('is filtered by types, customers and tags, and says up to which position it was read', async () => {
    const after = await feedHead(orderLog, api.mongo.db);
    const customer = { id: `c-${randomUUID()}`, name: 'Ada' };
    const [mine, tagged] = [
      await recordOrder({ customer, tags: ['vip'] }),
      await recordOrder({ tags: ['gift', 'vip'] }),
    ];
    const head = await feedHead(orderLog, api.mongo.db);
    const idsBy = async (query: string) => {
      const { status, body } = await api.get(`/v1/events?after=${after}&${query}`);
      expect({ status, upTo: body.upTo }).toEqual({ status: 200, upTo: head });
      return body.data.map(
        (event: { orderId: string; version: number }) => `${event.orderId}:${event.version}`,
      );
    };
    expect(await idsBy(`types=OrderCreated&tags=vip`)).toEqual([`${mine.orderId}:1`, `${tagged.orderId}:1`]);
    expect(await idsBy('types=OrderCreated&tags=gift,none')).toEqual([`${tagged.orderId}:1`]);
    expect(await idsBy(`customers=${customer.id}`)).toHaveLength(mine.count);
    expect(await idsBy(`customers=${customer.id}&tags=gift`)).toEqual([]);
    const page = await api.get(`/v1/events?after=${after}&limit=2&types=OrderCancelled`);
    expect(page.body).toMatchObject({ data: [], upTo: after + 2, nextCursor: String(after + 2) });
    const live = await receive(
      `/v1/events/stream?after=${after}&tags=gift&types=OrderCreated,OrderConfirmed`,
      2,
    );
    expect(live.map(({ event }) => event.orderId)).toEqual([tagged.orderId, tagged.orderId]);
    expect(live.map(({ id }) => id)).toEqual(live.map(({ event }) => event.position));
    for (const path of ['/v1/events', '/v1/events/stream'])
      expect(await api.get(`${path}?types=OrderCreated,Nope`)).toMatchObject({
        status: 400,
        body: {
          code: 'invalid_request',
          errors: [{ pointer: '/types', in: 'query', detail: expect.stringContaining('OrderConfirmed') }],
        },
      });
  });

  test('is filtered by a tag that has a comma, in quotes', async () => {
    const after = await feedHead(orderLog, api.mongo.db);
    const [both, gift] = [
      await recordOrder({ tags: ['gift, wrapped', '12" pipe'] }),
      await recordOrder({ tags: ['gift'] }),
    ];
    const ordersBy = async (tags: string) => {
      const query = `types=OrderCreated&tags=${encodeURIComponent(tags)}`;
      const { status, body } = await api.get(`/v1/events?after=${after}&${query}`);
      expect(status).toBe(200);
      return body.data.map(({ orderId }: { orderId: string }) => orderId);
    };
    expect(await ordersBy('"gift, wrapped"')).toEqual([both.orderId]);
    expect(await ordersBy('none,"gift, wrapped"')).toEqual([both.orderId]);
    expect(await ordersBy('12" pipe')).toEqual([both.orderId]);
    expect(await ordersBy('gift, wrapped')).toEqual([gift.orderId]);
    expect(await ordersBy('gift,"gift, wrapped"')).toEqual([both.orderId, gift.orderId]);
  });

  test('comes as CloudEvents with the requested payload, as webhooks do', async () => {
    const after = await feedHead(orderLog, api.mongo.db);
    const { orderId, count } = await recordOrder();
    const as = async (payload: string) =>
      (await api.get(`/v1/events?after=${after}&payload=${payload}`)).body.data;
    const [thin, event, order] = [await as('thin'), await as('event'), await as('order')];
    expect(thin).toHaveLength(count);
    expect(thin[1]).toMatchObject({
      specversion: '1.0',
      id: `${orderId}:2`,
      source: '/v1/orders',
      type: expect.stringMatching(/^[a-z_]+\.[a-z_]+\.v\d$/),
      subject: orderId,
      sequence: String(after + 2),
      data: { orderId, version: 2 },
    });
    expect(event[1].data).toMatchObject({ orderId, version: 2, position: after + 2 });
    expect(order[1].data).toMatchObject({ event: event[1].data, order: { orderId, version: 2 } });
    expect(order.at(-1).data.order).toMatchObject({ version: count });
    const [live] = await receive(`/v1/events/stream?after=${after}&payload=thin`, 1);
    expect(live).toMatchObject({
      id: after + 1,
      event: { id: `${orderId}:1`, data: { orderId, version: 1 } },
    });
    // An event of a later version of the code does not keep the other events from the reader.
    const unreadable = { _id: `${orderId}:2` };
    const stored = await journal(orderLog, api.mongo.db).findOne(unreadable);
    await journal(orderLog, api.mongo.db).updateOne(unreadable, { $set: { type: 'OrderTeleported' } });
    const [, ...others] = await as('order');
    expect(others).toHaveLength(count - 1);
    expect(others[0].data).toEqual({ event: expect.objectContaining({ type: 'OrderTeleported' }) });
    await journal(orderLog, api.mongo.db).updateOne(unreadable, { $set: { type: stored?.type ?? '' } });
  });

  test('continues for a named reader after its checkpoint, and shows the reader’s lag', async () => {
    await recordOrder();
    const head = await feedHead(orderLog, api.mongo.db);
    const read = (query: string) => api.get(`/v1/events?reader=erp&limit=3${query}`);
    expect((await read('')).body).toMatchObject({ upTo: 3 });
    // The reader has kept no checkpoint yet.
    expect((await read('')).body).toMatchObject({ upTo: 3 });
    expect(await keepCheckpoint('erp', { position: 3, generation: 1 })).toMatchObject({
      status: 200,
      body: { reader: 'erp', position: 3, generation: 1 },
    });
    expect((await read('')).body).toMatchObject({ data: [{ position: 4 }, {}, {}], upTo: 6 });
    const streamed = await receive('/v1/events/stream?reader=erp', 2);
    expect(streamed.map(({ id }) => id)).toEqual([4, 5]);
    // What a browser sends when it connects again.
    const [resumed] = await receive('/v1/events/stream?reader=erp', 1, { 'last-event-id': '5' });
    expect(resumed?.id).toBe(6);
    // A stream, too, begins at the beginning for a reader that has kept nothing.
    expect((await receive('/v1/events/stream?reader=new', 1))[0]?.id).toBe(1);
    const { data } = (await api.get('/v1/subscriptions')).body;
    expect(data).toEqual([
      expect.objectContaining({ kind: 'reader', name: 'erp', position: 3, lag: head - 3, failures: 0 }),
    ]);
    expect(await keepCheckpoint('erp', { position: 1, generation: 1 })).toMatchObject({
      body: { position: 1 },
    });
    expect(await keepCheckpoint('erp', { position: 2 })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/generation' }] },
    });
    expect((await read('')).body).toMatchObject({ upTo: 4 });
  });

  test('refuses an impossible checkpoint, and a reader together with a position', async () => {
    const head = await feedHead(orderLog, api.mongo.db);
    const before = await readerRows(api.mongo.db).find().toArray();
    expect(await keepCheckpoint('erp', { position: head + 1, generation: 1 })).toMatchObject({
      status: 400,
      body: { code: 'position_unknown' },
    });
    expect(await keepCheckpoint('erp', { position: 1, generation: 7 })).toMatchObject({
      status: 409,
      body: { code: 'feed_restored' },
    });
    for (const query of ['after=1', 'generation=1', 'after=1&generation=1'])
      for (const path of ['/v1/events', '/v1/events/stream'])
        expect(await api.get(`${path}?reader=erp&${query}`)).toMatchObject({
          status: 400,
          body: {
            code: 'invalid_request',
            errors: [{ pointer: '/reader', in: 'query', detail: expect.stringContaining('PUT') }],
          },
        });
    expect(await readerRows(api.mongo.db).find().toArray()).toEqual(before);
  });

  test('refuses a checkpoint from a page of another origin, and more readers than a client may have', async () => {
    const { db } = api.mongo;
    const before = await readerRows(db).find().toArray();
    expect(
      await keepCheckpoint('erp', { position: 1, generation: 1 }, { 'sec-fetch-site': 'cross-site' }),
    ).toMatchObject({
      status: 403,
      body: { code: 'origin_not_allowed' },
    });
    expect(await readerRows(db).find().toArray()).toEqual(before);
    expect((await keepCheckpoint('first', { position: 1, generation: 1 })).status).toBe(200);
    const { _id, ...row } = (await readerRows(db).findOne({ name: 'first' }))!;
    const others = Array.from({ length: MAX_READERS }, (_, n) => ({ ...row, _id: `made-${n}` }));
    await readerRows(db).insertMany(others);
    expect(await keepCheckpoint('one-more', { position: 1, generation: 1 })).toMatchObject({
      status: 409,
      body: { code: 'too_many_readers' },
    });
    expect((await keepCheckpoint('first', { position: 2, generation: 1 })).status).toBe(200);
    await readerRows(db).deleteMany({ name: 'first' });
  });

  test('reports its position when all events are filtered out, so that a client can resume there', async () => {
    const after = await feedHead(orderLog, api.mongo.db);
    const { count } = await recordOrder();
    const leaving = new AbortController();
    const path = `/v1/events/stream?after=${after}&customers=c-nobody`;
    const { body } = await fetch(`${address}${path}`, { signal: leaving.signal });
    let text = '';
    for await (const chunk of body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      if (text.includes(`id: ${after + count}\n\n`)) break;
    }
    leaving.abort();
    expect(text).not.toContain('data:');
  });

  test('refuses an empty filter', async () => {
    for (const query of ['types=,', 'customers=,', 'tags=,', 'tags=%20,'])
      expect(await api.get(`/v1/events?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', errors: [{ in: 'query' }] },
      });
  });

  test('refuses a tag that no order can have, and an unclosed quote', async () => {
    for (const tag of ['a'.repeat(65), '"gift, wrapped'])
      expect(await api.get(`/v1/events?tags=${encodeURIComponent(tag)}`)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', errors: [{ pointer: '/tags', in: 'query' }] },
      });
  });

  test('streams the log of an order after a version', async () => {
    const { orderId, count } = await recordOrder();
    const received = await receive(`/v1/orders/${orderId}/stream?after=2`, count - 2);
    expect(received.map(({ id }) => id)).toEqual(Array.from({ length: count - 2 }, (_, index) => index + 3));
  });

  test('refuses an impossible position, and says which is the last', async () => {
    const head = await feedHead(orderLog, api.mongo.db);
    expect(await api.get(`/v1/events?after=${head + 1}`)).toMatchObject({
      status: 400,
      body: { code: 'position_unknown', head },
    });
    expect(await api.get('/v1/events/stream', { 'last-event-id': String(head + 1) })).toMatchObject({
      status: 400,
    });
    const parked = '/v1/projections/customers/parked?after=';
    expect(await api.get(parked + head)).toMatchObject({ status: 200, body: { data: [] } });
    expect(await api.get(parked + (head + 1))).toMatchObject({
      status: 400,
      body: { code: 'position_unknown', head },
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

describe('the feed as a stream', () => {
  test('continues after Last-Event-ID, from past events to those recorded later', async () => {
    const { count } = await recordOrder();
    const head = await feedHead(orderLog, api.mongo.db);
    const receiving = receive('/v1/events/stream', count + 3, { 'last-event-id': String(head - 3) });
    await recordOrder();
    const received = await receiving;
    expect(received.map(({ id }) => id)).toEqual(
      Array.from({ length: count + 3 }, (_, index) => head - 2 + index),
    );
    expect(received.every(({ id, event }) => id === event.position)).toBe(true);
  });

  test('has no HEAD, which would never be answered', async () => {
    const { orderId } = await recordOrder();
    for (const path of ['/v1/events/stream', `/v1/orders/${orderId}/stream`]) {
      const { status, headers } = await fetch(address + path, {
        method: 'HEAD',
        signal: AbortSignal.timeout(5_000),
      });
      expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'GET' });
    }
  });

  test('begins with the next event if the request names no position', async () => {
    await recordOrder();
    const head = await feedHead(orderLog, api.mongo.db);
    const opened = new EventEmitter();
    const isOpen = once(opened, 'open');
    const stream = open('/v1/events/stream', {}, () => void opened.emit('open'));
    const first = stream.next();
    await isOpen;
    await recordOrder();
    expect((await first).value.id).toBe(head + 1);
    await stream.return(undefined);
  });

  test('ends when the process closes', async () => {
    const own = await startTestApi();
    const ownAddress = await own.app.listen({ host: '127.0.0.1', port: 0 });
    const response = await fetch(`${ownAddress}/v1/events/stream`);
    await own.close();
    expect(await response.text()).toBe('retry: 1000\n\n');
  });

  test('ends when the next generation begins, and sends none of its events', async () => {
    const own = await startTestApi();
    try {
      const { db } = own.mongo;
      await ensureJournalIndexes(orderLog, db);
      const ownAddress = await own.app.listen({ host: '127.0.0.1', port: 0 });
      const record = async (log: ReturnType<typeof logOf>) => {
        await appendToJournal(orderLog, db, log);
        await sequenceUntilPositioned(own, log[0]?.orderId ?? '');
      };
      const first = logOf(states.refunded, randomUUID());
      await record(first);
      const response = await fetch(`${ownAddress}/v1/events/stream?after=0`);
      let text = '';
      const told = (async () => {
        for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
      })();
      await until(async () => expect(text).toContain(`id: ${first.length}\n`));
      await journal(orderLog, db).deleteMany({});
      await record(logOf(states.confirmed, randomUUID()));
      await told;
      const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
      expect(ids).toEqual(first.map((_, index) => index + 1));
    } finally {
      await own.close();
    }
  });

  test('a client that reads late gets every event in the end', async () => {
    const head = await feedHead(orderLog, api.mongo.db);
    const stream = open('/v1/events/stream', { 'last-event-id': String(head) });
    // The request for the first event opens the stream. Nothing is read until the last order is
    // recorded.
    const first = stream.next();
    const counts = [];
    for (let order = 0; order < 20; order += 1) counts.push((await recordOrder()).count);
    const total = counts.reduce((sum, count) => sum + count);
    const ids = [(await first).value?.id];
    for await (const { id } of stream) {
      ids.push(id);
      if (ids.length === total) break;
    }
    expect(ids).toEqual(Array.from({ length: total }, (_, index) => head + 1 + index));
  });
});

test('a reader continues after lost events, in the next generation', async () => {
  const own = await startTestApi();
  const { db } = own.mongo;
  await ensureJournalIndexes(orderLog, db);
  const ownAddress = await own.app.listen({ host: '127.0.0.1', port: 0 });
  const stopOwn = startSequencing(db);
  try {
    const record = async (log: ReturnType<typeof logOf>) => {
      await appendToJournal(orderLog, db, log);
      await untilPositioned(db, log[0]?.orderId ?? '');
    };
    const [kept, lost, next] = [states.completed, states.refunded, states.refunded].map((state) =>
      logOf(state, randomUUID()),
    );
    if (kept === undefined || lost === undefined || next === undefined) throw new Error('There are three.');
    await record(kept);
    await record(lost);
    const head = await feedHead(orderLog, db);
    await journal(orderLog, db).deleteMany({ orderId: lost[0]?.orderId ?? '' });
    await record(next);
    await until(async () =>
      expect((await feedGenerations(orderLog, db)).current).toMatchObject({
        commonUntil: kept.length,
        lost: lost.length,
      }),
    );
    const received: number[] = [];
    for await (const { id } of openAt(ownAddress, '/v1/events/stream', {
      'last-event-id': String(kept.length),
    })) {
      received.push(id);
      if (received.length === 2) break;
    }
    expect(received).toEqual([head + 1, head + 2]);
    const { body } = await own.get(`/v1/events?after=${kept.length}&limit=1`);
    expect(body).toMatchObject({ data: [{ position: head + 1 }], nextCursor: String(head + 1) });
  } finally {
    await stopOwn();
    await own.close();
  }
});

describe('a feed that was restored', () => {
  let own: TestApi;
  let ownAddress: string;
  /** the last position that the backup has, and the last one that was given */
  let [kept, given] = [0, 0];
  let generation = 0;

  beforeAll(async () => {
    own = await startTestApi();
    const { db } = own.mongo;
    await ensureJournalIndexes(orderLog, db);
    ownAddress = await own.app.listen({ host: '127.0.0.1', port: 0 });
    const record = async (log: ReturnType<typeof logOf>) => {
      await appendToJournal(orderLog, db, log);
      await sequenceUntilPositioned(own, log[0]?.orderId ?? '');
    };
    await record(logOf(states.completed, randomUUID()));
    kept = await feedHead(orderLog, db);
    const backup = await feedState(db).findOne();
    await record(logOf(states.refunded, randomUUID()));
    given = await feedHead(orderLog, db);
    await journal(orderLog, db).deleteMany({ position: { $gt: kept } });
    if (backup !== null) await feedState(db).replaceOne({ _id: 'feed' }, backup);
    await beginGeneration(orderLog, db, { commonUntil: kept });
    ({ generation } = (await feedGenerations(orderLog, db)).current);
    // The feed grows to its former head and beyond, with other events.
    for (let orders = 0; orders < 3; orders += 1) await record(logOf(states.refunded, randomUUID()));
  });
  afterAll(() => own.close());

  async function stream(query: string, lastEventId?: string) {
    const leaving = new AbortController();
    const { status, headers, body } = await fetch(`${ownAddress}/v1/events/stream${query}`, {
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
      signal: leaving.signal,
    });
    let text = '';
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (status !== 200 || text.includes('\ndata: ')) break;
    }
    leaving.abort();
    const place = [headers.get('feed-generation'), headers.get('feed-common-until')].map(Number);
    return { status, place, id: /^id: (.*)$/m.exec(text)?.[1], text };
  }

  test('refuses a checkpoint beyond what its generation and the current one have in common', async () => {
    const refused = {
      status: 409,
      headers: { 'content-type': expect.stringContaining('application/problem+json') },
      body: { code: 'feed_restored', generation, commonUntil: kept },
    };
    for (const after of [kept + 1, given, given + 1_000])
      expect(await own.get(`/v1/events?after=${after}&generation=1`)).toMatchObject(refused);
    expect(await own.get(`/v1/events?after=1&generation=${generation - 1}`)).toMatchObject({
      status: 409,
      body: { code: 'feed_restored', generation, commonUntil: 0 },
    });
  });

  test('serves every other checkpoint, and names its generation', async () => {
    for (const query of [
      `after=${kept}&generation=1`,
      `after=${kept}&generation=${generation}`,
      `after=${kept}`,
    ]) {
      const { status, body } = await own.get(`/v1/events?limit=2&${query}`);
      expect({ status, ...body }).toMatchObject({ status: 200, generation, commonUntil: kept });
      expect(body.data).toMatchObject([{ position: kept + 1 }, { position: kept + 2 }]);
    }
    const later = await own.get(`/v1/events?after=${given + 1}&generation=${generation}&limit=1`);
    expect(later).toMatchObject({ status: 200, body: { data: [{ position: given + 2 }] } });
    expect(await api.get('/v1/events?limit=1')).toMatchObject({ body: { generation: 1, commonUntil: 0 } });
  });

  test('continues for a named reader from what its generation and the current one have in common', async () => {
    const json = { 'content-type': 'application/json' };
    expect((await own.send('PUT', '/v1/readers/erp', '{"position":0,"generation":1}', json)).status).toBe(
      200,
    );
    for (const position of [given, 1]) {
      await readerRows(own.mongo.db).updateOne({}, { $set: { generation: 1, position } });
      const page = await own.get('/v1/events?reader=erp&limit=1');
      const from = Math.min(position, kept) + 1;
      expect(page).toMatchObject({ status: 200, body: { generation, data: [{ position: from }] } });
      expect(await stream('?reader=erp')).toMatchObject({ status: 200, id: `${from}@${generation}` });
    }
    await readerRows(own.mongo.db).deleteMany();
  });

  test('treats streams alike, whose ids have the generation', async () => {
    for (const [query, id] of [
      ['', String(given)],
      [`?after=${given}&generation=1`],
      [`?generation=1`, String(given)],
    ] as const) {
      const { status, text } = await stream(query, id);
      expect({ status, ...JSON.parse(text) }).toMatchObject({
        status: 409,
        code: 'feed_restored',
        generation,
        commonUntil: kept,
      });
    }
    const place = [generation, kept];
    for (const [query, id] of [
      ['', String(kept)],
      [`?after=${kept}`],
      [`?generation=${generation}`, String(kept)],
    ] as const)
      expect(await stream(query, id)).toMatchObject({ status: 200, place, id: `${kept + 1}@${generation}` });
    const next = await stream('', `${given + 1}@${generation}`);
    expect(next).toMatchObject({ status: 200, id: `${given + 2}@${generation}` });
    expect(await stream('', '1@x')).toMatchObject({ status: 400 });
  });

  test('never has events of the next generation under the number of the previous one', async () => {
    const { db } = own.mongo;
    // The next generation begins after the current one was read, and before its events are.
    const restored = async () => void (await beginGeneration(orderLog, db, { commonUntil }));
    const head = await feedHead(orderLog, db);
    const commonUntil = head - 1;
    for (const query of ['', '&payload=event']) {
      const before = (await feedGenerations(orderLog, db)).current.generation;
      const restore = beforeEventsAreRead(restored);
      const { status, body } = await own.get(`/v1/events?after=${commonUntil}&limit=1${query}`);
      restore();
      const after = (await feedGenerations(orderLog, db)).current.generation;
      expect(after).toBeGreaterThan(before);
      expect({ status, ...body }).toMatchObject({ status: 200, generation: after, commonUntil, upTo: head });
      if (query !== '') expect(body.data).toMatchObject([{ sequence: String(head), generation: after }]);
    }
    const { generation: last } = (await feedGenerations(orderLog, db)).current;
    const restore = beforeEventsAreRead(restored);
    expect(await own.tail.pages.read(last, commonUntil, 1)).toBeUndefined();
    restore();
  });
});

describe('the stream of an order’s log', () => {
  test('begins with the first event, or after the version that the request names', async () => {
    const { orderId, count } = await recordOrder();
    const path = `/v1/orders/${orderId}/stream`;
    const all = await receive(path, count);
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    const rest = await receive(path, 2, { 'last-event-id': String(count - 2) });
    expect(rest.map(({ event }) => event.version)).toEqual([count - 1, count]);
  });

  test('continues after an event that it sent, even if the view lags', async () => {
    const { db } = api.mongo;
    const orderId = randomUUID();
    const log = logOf(states.refunded, orderId);
    await appendToJournal(orderLog, db, log.slice(0, 4));
    await updateStateView(orderLog, db, orderId);
    await appendToJournal(orderLog, db, log.slice(4));
    const lastEventId = { 'last-event-id': String(log.length - 1) };
    const [received] = await receive(`/v1/orders/${orderId}/stream`, 1, lastEventId);
    expect(received?.id).toBe(log.length);
  });

  test('sends events that are recorded later, and none of other orders', async () => {
    const { db } = api.mongo;
    const orderId = randomUUID();
    const log = logOf(states.refunded, orderId);
    await appendToJournal(orderLog, db, log.slice(0, 4));
    await updateStateView(orderLog, db, orderId);
    const receiving = receive(`/v1/orders/${orderId}/stream`, log.length);
    await recordOrder();
    await appendToJournal(orderLog, db, log.slice(4));
    const received = await receiving;
    expect(received.map(({ event }) => `${event.orderId}:${event.version}`)).toEqual(
      log.map(({ version }) => `${orderId}:${version}`),
    );
  });

  test('sends a long log page after page without a pause', async () => {
    const { db } = api.mongo;
    const orderId = randomUUID();
    const [first] = logOf(states.reserving, orderId);
    await appendToJournal(orderLog, db, [first]);
    await updateStateView(orderLog, db, orderId);
    // There are so many pages that the test times out if the stream pauses between them.
    const log = Array.from({ length: 1_001 }, (_, index) => ({ ...first, version: index + 1 }));
    await appendToJournal(orderLog, db, log);
    await untilPositioned(db, orderId);
    const received = await receive(`/v1/orders/${orderId}/stream`, log.length);
    expect(received.at(-1)?.id).toBe(log.length);
  });

  test('waits while MongoDB is away, and then continues', async () => {
    const mongodb = await breakableMongodb();
    const own = await startTestApi({ MONGODB_URI: mongodb.address });
    try {
      await until(async () => await own.mongo.db.command({ ping: 1 }));
      await own.startWorker();
      const ownAddress = await own.app.listen({ host: '127.0.0.1', port: 0 });
      const orderId = await placedOrder(own);
      await sequenceUntilPositioned(own, orderId);
      await mongodb.kill();
      const opened = async (path: string, headers = {}) => {
        const response = await fetch(`${ownAddress}${path}`, { headers });
        expect({
          path,
          status: response.status,
          body: response.status === 200 ? '' : await response.text(),
        }).toMatchObject({ status: 200 });
        const chunks = response.body?.pipeThrough(new TextDecoderStream()).values();
        let text = '';
        return {
          async receivedUntil(part: string): Promise<string> {
            while (!text.includes(part)) {
              const chunk = await chunks?.next();
              if (chunk?.value === undefined) throw new Error(`The stream ended with ${text}`);
              text += chunk.value;
            }
            return text;
          },
          end: async () => await chunks?.return?.(),
        };
      };
      const order = await opened(`/v1/orders/${orderId}/stream`);
      // Connects again as a browser does: with the last id that it received, or without one.
      const resumed = await opened('/v1/events/stream', { 'last-event-id': '2' });
      const begun = await opened('/v1/events/stream');
      for (const stream of [order, resumed, begun])
        expect(await stream.receivedUntil(': keep-alive')).not.toContain('data: ');
      await mongodb.revive();
      await order.receivedUntil('id: 4\n');
      expect(await resumed.receivedUntil('id: 4\n')).toMatch(/id: 3\n[^]*id: 4\n/);
      await Promise.all([order, resumed, begun].map((stream) => stream.end()));
    } finally {
      await own.close();
      await mongodb.end();
    }
  });

  test('is refused for an unknown order, and after a version that the order has not reached', async () => {
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

describe('an event of another version of the code', () => {
  /** The event as the feed's page and stream and the order's stream have it. */
  async function asRead({ orderId }: { orderId: string }, version: number) {
    const { position = 0 } =
      (await readStored(orderLog, api.mongo.db, orderId, { from: version, limit: 1 }))[0] ?? {};
    const pages = await Promise.all([
      api.get(`/v1/events?after=${position - 1}&limit=1`),
      api.get(`/v1/orders/${orderId}/events?after=${version - 1}&limit=1`),
    ]);
    expect(pages.map(({ status }) => status)).toEqual([200, 200]);
    const received = await Promise.all([
      receive('/v1/events/stream', 1, { 'last-event-id': String(position - 1) }),
      receive(`/v1/orders/${orderId}/stream`, 1, { 'last-event-id': String(version - 1) }),
    ]);
    return [...pages.map(({ body }) => body.data[0]), ...received.map(([first]) => first?.event)];
  }

  test('is upcast if an older version wrote it', async () => {
    const order = await recordOrder();
    const fees = { 'data.shippingFee': 490, 'data.tax': 0, 'data.discount': 0 };
    await journal(orderLog, api.mongo.db).updateOne(
      { _id: `${order.orderId}:1` },
      { $set: { schemaVersion: 1, ...fees }, $unset: { 'data.charges': '' } },
    );
    const today = { schemaVersion: 3, data: { charges: { shippingFee: 490, tax: 0, discount: 0 } } };
    for (const event of await asRead(order, 1)) expect(event).toMatchObject(today);
  });

  test.each([
    ['a newer version wrote it', { $set: { schemaVersion: 99 } }],
    ['it was altered to an unknown type', { $set: { type: 'Nonsense', schemaVersion: 0 } }],
    ['a part of it was removed', { $unset: { actor: '' as const } }],
  ])('is passed on as stored if %s, and the other events as usual', async (_, change) => {
    const order = await recordOrder();
    await journal(orderLog, api.mongo.db).updateOne({ _id: `${order.orderId}:2` }, change);
    const [stored] = await readStored(orderLog, api.mongo.db, order.orderId, { from: 2, limit: 1 });
    for (const event of await asRead(order, 2)) expect(event).toEqual(stored);
    const { body } = await api.get(`/v1/orders/${order.orderId}/events`);
    expect(body.data).toHaveLength(order.count);
  });
});

/**
 * Runs `work` once, just before the next read of events.
 *
 * @returns a function that ends this
 */
function beforeEventsAreRead(work: () => Promise<void>): () => void {
  const cursors = AbstractCursor.prototype as { toArray: (this: AbstractCursor) => Promise<unknown[]> };
  const { toArray } = cursors;
  let isDone = false;
  cursors.toArray = async function toArrayAfterwards() {
    if (!isDone && this.namespace.collection === 'order_events') {
      isDone = true;
      await work();
    }
    return await toArray.call(this);
  };
  return () => {
    cursors.toArray = toArray;
  };
}

async function untilPositioned(db: Db, orderId: string): Promise<void> {
  await until(async () =>
    expect((await readJournal(orderLog, db, orderId)).at(-1)?.position).toBeGreaterThan(0),
  );
}

/** Waits until the events of an order have positions, and stops the sequencer. */
async function sequenceUntilPositioned({ mongo: { db } }: TestApi, orderId: string): Promise<void> {
  const stop = startSequencing(db);
  await untilPositioned(db, orderId);
  await stop();
}
