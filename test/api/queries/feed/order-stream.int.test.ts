import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { appendToJournal } from '../../../../src/log/journal/append-to-journal.js';
import { updateStateView } from '../../../../src/log/recording/update-state-view.js';
import { orderLog } from '../../../../src/order-log.js';
import { states } from '../../../order/examples.js';
import { placedOrder, startTestApi } from '../../../support/api.js';
import { breakableMongodb } from '../../../support/breakable-server.js';
import { logOf } from '../../../support/database.js';
import { until } from '../../../support/until.js';
import { api, receive, recordOrder, sequenceUntilPositioned, untilPositioned } from './support.js';

describe('the stream of an order’s log', () => {
  test('begins with the first event, or after the version that the request names', async () => {
    const { orderId, count } = await recordOrder();
    const path = `/v1/orders/${orderId}/stream`;
    const all = await receive(path, count);
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    const rest = await receive(path, 2, { 'last-event-id': String(count - 2) });
    expect(rest.map(({ event }) => event.version)).toEqual([count - 1, count]);
  });

  test('begins after the version of a parameter', async () => {
    const { orderId, count } = await recordOrder();
    const received = await receive(`/v1/orders/${orderId}/stream?after=2`, count - 2);
    expect(received.map(({ id }) => id)).toEqual(Array.from({ length: count - 2 }, (_, index) => index + 3));
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
    // Pauses of 15 s between these ten pages would take longer than a test may.
    const log = Array.from({ length: 1_801 }, (_, index) => ({ ...first, version: index + 1 }));
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
