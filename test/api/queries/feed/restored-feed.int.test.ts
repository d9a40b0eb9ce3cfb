import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AbstractCursor } from 'mongodb';
import { readerRows } from '../../../../src/delivery/readers.js';
import { feedHead } from '../../../../src/log/feed/feed.js';
import { beginGeneration, feedGenerations, feedState } from '../../../../src/log/feed/generations.js';
import { appendToJournal } from '../../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes, journal } from '../../../../src/log/journal/journal.js';
import { orderLog } from '../../../../src/order-log.js';
import { states } from '../../../order/examples.js';
import { startTestApi, type TestApi } from '../../../support/api.js';
import { logOf } from '../../../support/database.js';
import { startSequencing } from '../../../support/sequencing.js';
import { until } from '../../../support/until.js';
import { api, openAt, sequenceUntilPositioned, untilPositioned } from './support.js';

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
