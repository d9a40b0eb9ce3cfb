import { setTimeout } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { subscriptionRows, waitingRows } from '../../src/delivery/webhooks/rows.js';
import { feedHead, readFeed } from '../../src/log/feed/feed.js';
import { orderLog } from '../../src/order-log.js';
import { startReceiver } from '../delivery/webhooks/receiver.js';
import { key } from '../support/headers.js';
import { apiAt } from '../support/orders-over-http.js';
import { createSystem } from '../support/system.js';
import { until } from '../support/until.js';

const BATCH = 12;
const EVENTS = 4;
const path = '/hooks';

test('killed and frozen deliverers lose no event, and each order’s events arrive in order', async () => {
  const receiver = await startReceiver();
  const system = createSystem();
  /** by order, the last acknowledged version */
  const acknowledged = new Map<string, number>();
  const early: string[] = [];
  const tried = new Set<string>();
  receiver.answer(path, ({ id }, response) => {
    const [orderId = '', text = ''] = id.split(':');
    const version = Number(text);
    const before = acknowledged.get(orderId) ?? 0;
    if (version > before + 1) early.push(id);
    const isFirst = !tried.has(id);
    tried.add(id);
    // The delayed answer keeps deliveries in flight when a process is killed.
    void setTimeout(20).then(() => {
      const fails = isFirst && tried.size % 7 === 0;
      if (!fails) acknowledged.set(orderId, Math.max(before, version));
      return response.writeHead(fails ? 500 : 204).end();
    });
  });
  const env = { WEBHOOKS_ALLOW_PRIVATE: 'on' };
  try {
    const [{ address }, , first] = await Promise.all([
      system.start('write,read', env),
      system.start('worker'),
      system.start('feed', env),
    ]);
    const api = apiAt(address);
    const wanted = { url: `${receiver.url}${path}`, after: 0 };
    await until(async () =>
      expect(await api.post('/v1/webhook-endpoints', { body: wanted, headers: key('one') })).toMatchObject({
        status: 201,
      }),
    );
    const placeSome = async () =>
      await Promise.all(Array.from({ length: BATCH }, () => api.place({}, { prefer: '' })));
    const more = async () => {
      const seen = tried.size;
      await until(async () => expect(tried.size).toBeGreaterThan(seen + EVENTS), 60);
    };
    const one = placeSome();
    await more();
    await first.kill();
    await one;
    const second = await system.start('feed', env);
    const two = placeSome();
    await more();
    // The second process is frozen, and continues after a third has taken over.
    second.freeze();
    await system.start('feed', env);
    const three = placeSome();
    await more();
    second.thaw();
    await Promise.all([two, three, placeSome()]);

    const events = 4 * BATCH * EVENTS;
    await until(async () => expect(await feedHead(orderLog, system.db)).toBe(events), 120);
    const feed = await readFeed(orderLog, system.db, 0, events + 1);
    const ids = feed.map(({ orderId, version }) => `${orderId}:${version}`);
    await until(async () => expect(new Set(receiver.ids(path))).toEqual(new Set(ids)), 120);
    await until(async () => expect([...acknowledged.values()]).toEqual(Array(4 * BATCH).fill(EVENTS)), 120);
    expect(early).toEqual([]);
    await until(async () => expect(await waitingRows(system.db).countDocuments()).toBe(0));
    await until(async () =>
      expect(await subscriptionRows(system.db).findOne()).toMatchObject({ position: events }),
    );
  } finally {
    await system.end();
    await receiver.close();
  }
}, 300_000);
