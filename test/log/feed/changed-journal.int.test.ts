import { describe, expect, test } from '@jest/globals';
import { feedHead, positionAfterLost, readFeed } from '../../../src/log/feed/feed.js';
import { feedGenerations, feedState } from '../../../src/log/feed/generations.js';
import { FeedTail } from '../../../src/log/feed/tail.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { restoreLog } from '../../../src/log/journal/truncated-log.js';
import { Fenced } from '../../../src/log/leases/fencing.js';
import { orderLog } from '../../../src/order-log.js';
import { untilSequenced } from '../../support/sequencing.js';
import { until } from '../../support/until.js';
import { db, expectSound, lead, newOrder, record } from './support.js';

describe('a change of the journal by hand', () => {
  test('that removes an event before it has a position leaves no gap, and the event can come back', async () => {
    const first = lead();
    const before = newOrder();
    await record(...before);
    await until(async () => expect((await feedState(db).findOne())?.position).toBe(before.length));
    await first.stop();
    const [gone, other] = [newOrder().slice(0, 1), newOrder()];
    await record(...gone, ...other);
    const kept = await journal(orderLog, db).findOneAndDelete({ _id: `${gone[0]?.orderId}:1` });
    lead();
    await expectSound(before.length + other.length);
    if (kept !== null) await journal(orderLog, db).insertOne(kept);
    await expectSound(before.length + other.length + 1);
  });

  test('that restores an event after later ones of its order gives it a position immediately', async () => {
    const log = newOrder();
    const count = log.length;
    const isLast = async (version: number, position: number) =>
      await until(async () =>
        expect(await journal(orderLog, db).findOne({ position })).toMatchObject({ version }),
      );
    lead();
    await record(...log.slice(0, 6));
    await isLast(6, 6);
    await journal(orderLog, db).deleteMany({ version: { $in: [2, 3] } });
    await record(...log.slice(1, 2));
    await isLast(2, 7);
    // The same happens in an order whose gap the leader has seen.
    await record(...log.slice(6));
    await isLast(count, count + 1);
    await record(...log.slice(2, 3));
    await isLast(3, count + 2);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(count + 2));
  });

  test('is not assumed when the change stream repeats an event', async () => {
    const first = lead();
    const log = newOrder();
    await record(...log.slice(0, 2));
    await until(async () => expect((await feedState(db).findOne())?.position).toBe(2));
    const token = (await feedState(db).findOne())?.resumeToken;
    await record(...log.slice(2));
    await until(async () => expect(await feedHead(orderLog, db)).toBe(log.length));
    await first.stop();
    await feedState(db).updateOne({ _id: 'feed' }, { $set: { resumeToken: token } });
    const epoch = (await feedState(db).findOne())?.epoch ?? 0;
    const second = lead();
    await until(async () => expect(second.isAtWork()).toBe(true));
    const [next] = newOrder();
    await record(next);
    await expectSound(log.length + 1);
    expect(await feedState(db).findOne()).toMatchObject({ epoch: epoch + 1 });
  });

  test.each([
    ['while a process leads', true],
    ['before a process leads', false],
  ])(
    'that removes predecessors for good does not keep later events waiting: restored %s',
    async (_, isLed) => {
      const [log, other] = [newOrder(), newOrder()];
      if (isLed) {
        lead();
        await record(...log.slice(6, 7));
        await record(...other.slice(0, 1));
        await until(async () => expect(await feedHead(orderLog, db)).toBe(1));
      }
      await restoreLog(orderLog, db, log.slice(4, 7));
      if (!isLed) lead();
      await untilSequenced(db);
      await record(...log.slice(7));
      await untilSequenced(db);
      const feed = (await readFeed(orderLog, db, 0, 100)).filter(({ orderId }) => orderId === log[0].orderId);
      expect(feed.map(({ version }) => version)).toEqual(log.slice(4).map(({ version }) => version));
      expect(feed[0]).not.toHaveProperty('begins');
    },
  );

  test('that empties the whole database begins a new feed, and ends the old leader', async () => {
    const old = lead();
    const [before, after] = [newOrder(), newOrder()];
    await record(...before);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(before.length));
    await Promise.all([feedState(db).deleteMany({}), journal(orderLog, db).deleteMany({})]);
    await record(...after.slice(0, 1));
    expect(await old.ended).toBeInstanceOf(Fenced);
    lead();
    await record(...after.slice(1));
    await expectSound(after.length);
  });

  test('that drops the journal begins a new generation of the feed', async () => {
    lead();
    const [before, after] = [newOrder(), newOrder()];
    await record(...before);
    await until(async () => expect((await feedState(db).findOne())?.position).toBe(before.length));
    await journal(orderLog, db).drop();
    await ensureJournalIndexes(orderLog, db);
    await record(...after);
    await untilSequenced(db);
    await expectSound(after.length);
    const { current, all } = await feedGenerations(orderLog, db);
    expect(all.length).toBeGreaterThan(1);
    expect(current).toMatchObject({ commonUntil: 0, lost: 0 });
  });

  test('that empties the journal while no process leads begins a new generation', async () => {
    const first = lead();
    const [before, after] = [newOrder(), newOrder()];
    await record(...before);
    await until(async () => expect((await feedState(db).findOne())?.position).toBe(before.length));
    await first.stop();
    await journal(orderLog, db).deleteMany({});
    await record(...after);
    lead();
    await untilSequenced(db);
    await expectSound(after.length);
  });

  test('that removes positioned events leaves their positions unused, and readers skip them', async () => {
    const first = lead();
    const [before, after] = [newOrder(), newOrder().slice(0, 1)];
    await record(...before);
    await until(async () => expect((await feedState(db).findOne())?.position).toBe(before.length));
    await first.stop();
    // The state that a leader leaves if it is killed before it saves a newer checkpoint.
    await feedState(db).updateOne({ _id: 'feed' }, { $set: { position: 2 }, $unset: { resumeToken: '' } });
    await journal(orderLog, db).deleteMany({ position: { $in: [4, 5] } });
    lead();
    await record(...after);
    const last = before.length + 1;
    await until(async () => expect(await feedHead(orderLog, db)).toBe(last));
    const left = Array.from({ length: last }, (_, index) => index + 1).filter((n) => n !== 4 && n !== 5);
    expect((await readFeed(orderLog, db, 0, 100)).map(({ position }) => position)).toEqual(left);
    expect((await readFeed(orderLog, db, 3, 2)).map(({ position }) => position)).toEqual([6, 7]);
    expect(await positionAfterLost(orderLog, db, 3)).toBe(3);
    expect((await feedGenerations(orderLog, db)).all).toEqual([
      { generation: 1, commonUntil: 0, lost: 0 },
      { generation: expect.any(Number), commonUntil: 3, lost: 2 },
    ]);
    await journal(orderLog, db).deleteMany({ position: { $gt: 6 } });
    expect(await positionAfterLost(orderLog, db, 6)).toBe(last);
  });

  test('that leaves a gap hides the events after it until all positions before are known', async () => {
    const log = newOrder();
    const gapped = log.slice(0, 4).map((event, index) => ({
      ...event,
      _id: `${event.orderId}:${event.version}`,
      recordedAt: event.occurredAt,
      position: index < 2 ? index + 1 : index + 2,
    }));
    await journal(orderLog, db).insertMany(gapped);
    const positions = async () => (await readFeed(orderLog, db, 0, 10)).map(({ position }) => position);
    expect(await positions()).toEqual([1, 2]);
    await feedState(db).insertOne({ _id: 'feed', epoch: 1, position: 4 });
    expect(await positions()).toEqual([1, 2, 4, 5]);
  });

  test('that restores an event at its position does not move any reader back', async () => {
    lead();
    const tail = new FeedTail(orderLog, db);
    try {
      const log = newOrder();
      await record(...log);
      const { signal } = new AbortController();
      expect(await tail.waitBeyond(log.length - 1, signal, 30_000)).toBe(log.length);
      // Until then, the head that readers compute after a deletion may be before the event.
      await until(async () => expect((await feedState(db).findOne())?.position).toBe(log.length));
      const put = await journal(orderLog, db).findOneAndDelete({ position: 2 });
      if (put !== null) await journal(orderLog, db).insertOne(put);
      const next = newOrder().slice(0, 1);
      await record(...next);
      expect(await tail.waitBeyond(log.length, signal, 30_000)).toBe(log.length + 1);
      await expectSound(log.length + 1);
    } finally {
      await tail.stop();
    }
  });
});
