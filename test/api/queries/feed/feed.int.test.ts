import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { feedHead } from '../../../../src/log/feed/feed.js';
import { journal } from '../../../../src/log/journal/journal.js';
import { readStoredEvents } from '../../../../src/log/journal/read-journal.js';
import { orderLog } from '../../../../src/order-log.js';
import { api, receive, recordOrder } from './support.js';

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

describe('an event of another version of the code', () => {
  /** The event as the feed's page and stream and the order's stream have it. */
  async function asRead({ orderId }: { orderId: string }, version: number) {
    const { position = 0 } =
      (await readStoredEvents(orderLog, api.mongo.db, orderId, { from: version, limit: 1 }))[0] ?? {};
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
    const [stored] = await readStoredEvents(orderLog, api.mongo.db, order.orderId, { from: 2, limit: 1 });
    for (const event of await asRead(order, 2)) expect(event).toEqual(stored);
    const { body } = await api.get(`/v1/orders/${order.orderId}/events`);
    expect(body.data).toHaveLength(order.count);
  });
});
