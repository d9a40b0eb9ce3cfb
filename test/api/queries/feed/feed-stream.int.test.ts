import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { feedHead } from '../../../../src/log/feed/feed.js';
import { appendToJournal } from '../../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes, journal } from '../../../../src/log/journal/journal.js';
import { orderLog } from '../../../../src/order-log.js';
import { states } from '../../../order/examples.js';
import { startTestApi } from '../../../support/api.js';
import { logOf } from '../../../support/database.js';
import { until } from '../../../support/until.js';
import { address, api, open, receive, recordOrder, sequenceUntilPositioned } from './support.js';

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
