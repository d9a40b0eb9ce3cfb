import { describe, expect, test } from '@jest/globals';
import { feedHead } from '../../../src/log/feed/feed.js';
import {
  beginGeneration,
  feedGenerations,
  feedState,
  Generations,
} from '../../../src/log/feed/generations.js';
import { FeedTail } from '../../../src/log/feed/tail.js';
import { journal } from '../../../src/log/journal/journal.js';
import { Fenced } from '../../../src/log/leases/fencing.js';
import { orderLog } from '../../../src/order-log.js';
import { until } from '../../support/until.js';
import { db, expectSound, lead, newOrder, record } from './support.js';

describe('a generation', () => {
  const numbers = ({ all }: Generations) => all.map(({ generation }) => generation);

  test('stays the first one while no position is lost', async () => {
    const first = lead();
    const [before, after] = [newOrder(), newOrder()];
    await record(...before);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(before.length));
    await first.stop();
    await record(...after);
    lead();
    await expectSound(before.length + after.length);
    expect(numbers(await feedGenerations(orderLog, db))).toEqual([1]);
  });

  test('begins with each loss of positions, but not when the events come back', async () => {
    lead();
    const [one, another] = [newOrder(), newOrder()];
    await record(...one, ...another);
    const count = one.length + another.length;
    await until(async () => expect(await feedHead(orderLog, db)).toBe(count));
    const begun = async (generations: number, commonUntil: number, lost: number) =>
      await until(async () => {
        const { all, current } = await feedGenerations(orderLog, db);
        expect(all).toHaveLength(generations);
        expect(current).toMatchObject({ commonUntil, lost });
      });
    await journal(orderLog, db).deleteOne({ position: 5 });
    await begun(2, 4, 1);
    await record(...one);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(count + 1));
    await begun(2, 4, 1);
    await journal(orderLog, db).deleteOne({ position: 3 });
    await begun(3, 2, 2);
    expect(numbers(await feedGenerations(orderLog, db)).toSorted((a, b) => a - b)).toEqual(
      numbers(await feedGenerations(orderLog, db)),
    );
  });

  test('has a new number each time, whichever process begins it', async () => {
    await Promise.all(Array.from({ length: 5 }, () => beginGeneration(orderLog, db, { commonUntil: 7 })));
    const begun = numbers(await feedGenerations(orderLog, db));
    expect(new Set(begun).size).toBe(6);
    // Simulates that the same backup is restored again, a second later.
    await feedState(db).deleteMany({});
    const now = Math.floor(Date.now() / 1_000);
    expect(
      (await beginGeneration(orderLog, db, { commonUntil: 7 }))?.generations?.at(-1)?.generation,
    ).toBeGreaterThanOrEqual(now);
  });

  test('shares a prefix with all later ones, and nothing with an unknown one', () => {
    const of = (generation: number, commonUntil: number) => ({ generation, commonUntil, lost: 0 });
    const known = new Generations({ generations: [of(1, 0), of(20, 100), of(30, 500), of(40, 300)] });
    const common = [1, 20, 30, 40, 25].map((generation) => known.commonWith(generation));
    expect(common).toEqual([100, 300, 300, Infinity, 0]);
  });

  test('has the number that an earlier version of the code has stored', async () => {
    expect(new Generations({}).current).toMatchObject({ generation: 1 });
    expect(new Generations({ begunAnew: 7 }).commonWith(7)).toBe(Infinity);
    const log = newOrder();
    await record(...log);
    await feedState(db).insertOne({ _id: 'feed', epoch: 7, position: 0, begunAnew: 7 });
    lead();
    await expectSound(log.length);
    expect(numbers(await feedGenerations(orderLog, db))).toEqual([7]);
  });

  test('begins after a backup is restored: other events get the positions that it lacks', async () => {
    const first = lead();
    const [before, lost, after] = [newOrder(), newOrder(), newOrder()];
    await record(...before);
    await until(async () => expect((await feedState(db).findOne())?.position).toBe(before.length));
    const backup = await feedState(db).findOne();
    await record(...lost);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(before.length + lost.length));
    await first.stop();
    await journal(orderLog, db).deleteMany({ position: { $gt: before.length } });
    if (backup !== null) await feedState(db).replaceOne({ _id: 'feed' }, backup);
    const head = await feedHead(orderLog, db);
    await beginGeneration(orderLog, db, { commonUntil: head });
    lead();
    await record(...after, ...lost);
    await expectSound(before.length + after.length + lost.length);
    expect((await feedGenerations(orderLog, db)).commonWith(1)).toBe(before.length);
    expect(numbers(await feedGenerations(orderLog, db))).toHaveLength(2);
  });

  test('is refused to readers of an earlier one, also in the process that leads the feed', async () => {
    const tail = new FeedTail(orderLog, db);
    const { signal } = new AbortController();
    try {
      const publisher = tail.publishLocally();
      const first = lead((...given) => publisher.publish(...given));
      const [log, after] = [newOrder(), newOrder()];
      await record(...log);
      await until(async () => expect(await tail.pages.read(1, log.length - 1, 1)).toHaveLength(1));
      const waiting = tail.waitBeyond(log.length, signal, 10_000);
      await beginGeneration(orderLog, db, { commonUntil: 2 });
      await record(...after);
      expect(await first.ended).toBeInstanceOf(Fenced);
      lead((...given) => publisher.publish(...given));
      await waiting;
      const { generation } = (await feedGenerations(orderLog, db)).current;
      await until(async () =>
        expect(await tail.pages.read(generation, log.length, 100)).toHaveLength(after.length),
      );
      expect(await tail.pages.read(1, log.length, 100)).toBeUndefined();
      expect(tail.generation).toBe(generation);
    } finally {
      await tail.stop();
    }
  });
});
