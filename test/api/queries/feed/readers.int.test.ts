import { describe, expect, test } from '@jest/globals';
import { MAX_READERS, readerRows } from '../../../../src/delivery/readers.js';
import { feedHead } from '../../../../src/log/feed/feed.js';
import { orderLog } from '../../../../src/order-log.js';
import { api, receive, recordOrder } from './support.js';

/** Keeps the checkpoint of a named reader. */
async function keepCheckpoint(reader: string, place: object, headers: Readonly<Record<string, string>> = {}) {
  return await api.send('PUT', `/v1/readers/${reader}`, JSON.stringify(place), {
    'content-type': 'application/json',
    ...headers,
  });
}

describe('a named reader', () => {
  test('continues after its checkpoint, and its lag is shown', async () => {
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

  test('is refused an impossible checkpoint, and together with a position', async () => {
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

  test('is refused from a page of another origin, and if its client has too many', async () => {
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
});
