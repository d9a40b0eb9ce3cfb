import { setTimeout } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { feedHead, readFeed } from '../../src/log/feed/feed.js';
import { journal } from '../../src/log/journal/journal.js';
import { orderLog } from '../../src/order-log.js';
import { breakableMongodb } from '../support/breakable-server.js';
import { apiAt } from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const BATCH = 12;

test('the feed has no gap, duplicate or skip when leaders are killed or frozen and MongoDB dies', async () => {
  const mongodb = await breakableMongodb();
  const system = createSystem({ mongodb: mongodb.address });
  const reading = new AbortController();
  try {
    const [{ address }, , first] = await Promise.all([
      system.start('write,read'),
      system.start('worker'),
      system.start('feed'),
    ]);
    const api = apiAt(address);
    const createSome = async () =>
      await Promise.all(Array.from({ length: BATCH }, () => api.place({}, { prefer: '' })));
    /** Records an order, and waits until the current leader has given it positions. */
    const grows = async () => {
      const before = await feedHead(orderLog, system.db);
      await api.place({}, { prefer: '' });
      await until(async () => expect(await feedHead(orderLog, system.db)).toBeGreaterThan(before), 60);
    };
    const read = follow(system, reading.signal);

    await createSome();
    await first.kill();
    const second = await system.start('feed');
    await createSome();
    await grows();
    // The second process is frozen and a third takes over. Then the second tries to continue.
    second.freeze();
    const created = createSome();
    await system.start('feed');
    await created;
    await grows();
    second.thaw();
    await mongodb.kill();
    await createSome();
    await mongodb.revive();
    await createSome();

    const events = (5 * BATCH + 2) * 4;
    await until(async () => expect(await feedHead(orderLog, system.db)).toBe(events), 120);
    reading.abort();
    const feed = await readFeed(orderLog, system.db, 0, events + 1);
    expect(feed.map(({ position }) => position)).toEqual(
      Array.from({ length: events }, (_, index) => index + 1),
    );
    expect(await journal(orderLog, system.db).countDocuments({ unsequenced: true })).toBe(0);
    const versions = new Map<string, number>();
    for (const { orderId, version } of feed) {
      expect(version).toBe((versions.get(orderId) ?? 0) + 1);
      versions.set(orderId, version);
    }
    const seen = await read;
    expect(seen).toEqual(feed.slice(0, seen.length).map(({ orderId, version }) => `${orderId}:${version}`));
    expect(seen.length).toBeGreaterThan(0);
  } finally {
    reading.abort();
    await system.end();
    await mongodb.end();
  }
}, 300_000);

/**
 * Reads the feed all the time, also during faults.
 *
 * @returns the ids of the events, in their order
 */
async function follow({ db }: System, signal: AbortSignal): Promise<readonly string[]> {
  const seen: string[] = [];
  while (!signal.aborted) {
    const events = await readFeed(orderLog, db, seen.length, 50).catch(() => []);
    for (const { orderId, version, position } of events) {
      expect(position).toBe(seen.length + 1);
      seen.push(`${orderId}:${version}`);
    }
    if (events.length === 0) await setTimeout(20);
  }
  return seen;
}
