import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { readFeed } from '../../../src/log/feed/feed.js';
import { FeedTail } from '../../../src/log/feed/tail.js';
import { journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { until } from '../../support/until.js';
import { db, expectSound, lead, newOrder, record } from './support.js';

test('readers in the leader’s process learn of its positions from it, and of all others too', async () => {
  const tail = new FeedTail(orderLog, db);
  const [ours, theirs, last] = [newOrder(), newOrder(), newOrder()];
  const soon = [new AbortController().signal, 30_000] as const;
  try {
    const publisher = tail.publishLocally();
    const told: number[] = [];
    const here = lead((positions, generation) => {
      told.push(...positions.map(({ position }) => position));
      publisher.publish(positions, generation);
    });
    // Events that the leader finds in the journal when it starts are not kept in memory.
    await until(async () => expect(here.isLeading()).toBe(true));
    const news = tail.listenTo(ours[0].orderId);
    await record(...ours);
    expect(await tail.waitBeyond(ours.length - 1, ...soon)).toBe(ours.length);
    expect(await news.next(...soon)).toBe(true);
    news.close();
    expect(told).toEqual(ours.map((_, index) => index + 1));
    for (const [after, limit] of [
      [0, 3],
      [2, 100],
      [ours.length, 100],
    ] as const)
      expect(await tail.pages.read(1, after, limit)).toEqual(await readFeed(orderLog, db, after, limit));
    // If the reader read MongoDB, it would see this change.
    await journal(orderLog, db).updateOne({ position: 3 }, { $set: { actor: 'somebody else' } });
    expect((await tail.pages.read(1, 2, 1))?.[0]?.actor).toBe(ours[2]?.actor);
    await here.stop();
    // The local publisher does not know yet that another leader has taken over.
    const there = lead();
    await record(...theirs);
    expect(await tail.waitBeyond(ours.length + theirs.length - 1, ...soon)).toBe(ours.length + theirs.length);
    expect(await tail.pages.read(1, ours.length, 100)).toEqual(
      await readFeed(orderLog, db, ours.length, 100),
    );
    publisher.close();
    await record(...last);
    const all = ours.length + theirs.length + last.length;
    expect(await tail.waitBeyond(all - 1, ...soon)).toBe(all);
    await there.stop();
    await expectSound(all);
  } finally {
    await tail.stop();
  }
});

test('after positions of another leader, the streams of all orders look for new events', async () => {
  const tail = new FeedTail(orderLog, db);
  const { signal } = new AbortController();
  try {
    const publisher = tail.publishLocally();
    lead();
    const log = newOrder();
    await record(...log);
    expect(await tail.waitBeyond(log.length - 1, signal, 30_000)).toBe(log.length);
    const news = tail.listenTo('another');
    publisher.publish([{ orderId: 'one', position: log.length + 2 }], 1);
    expect(await news.next(signal, 1)).toBe(true);
    news.close();
  } finally {
    await tail.stop();
  }
});

test('waiting for the feed leaves no listeners on a long-lived signal', async () => {
  const tail = new FeedTail(orderLog, db);
  const news = tail.listenTo(randomUUID());
  const { signal } = new AbortController();
  try {
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await tail.waitBeyond(0, signal, 1)).toBe(0);
      await news.next(signal, 1);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    }
  } finally {
    news.close();
    await tail.stop();
  }
});
