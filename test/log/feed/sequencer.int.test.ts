import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { feedHead, positionAfterLost, readFeed } from '../../../src/log/feed/feed.js';
import { Fenced } from '../../../src/log/leases/fencing.js';
import {
  beginGeneration,
  feedGenerations,
  feedState,
  Generations,
} from '../../../src/log/feed/generations.js';
import { runSequencer } from '../../../src/log/feed/sequencer.js';
import { FeedTail, type LocalPublisher } from '../../../src/log/feed/tail.js';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { restoreLog } from '../../../src/log/journal/truncated-log.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';
import { untilSequenced } from '../../support/sequencing.js';
import { until } from '../../support/until.js';

const database = await openDatabase();
const { db } = database;
afterAll(() => database.close());
beforeEach(async () => {
  await Promise.all([journal(orderLog, db).deleteMany({}), feedState(db).deleteMany({})]);
  await ensureJournalIndexes(orderLog, db);
});

let leaders: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(leaders.map((leader) => leader.stop()));
  leaders = [];
});

/** Runs a leader until it fails or is stopped. */
function lead(gave?: LocalPublisher['publish']) {
  const stopping = new AbortController();
  let beats = 0;
  let isLeading = false;
  const ended = runSequencer({
    log: orderLog,
    db,
    signal: stopping.signal,
    heartbeat: () => (beats += 1),
    onPositions: gave,
    onLead: () => (isLeading = true),
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const leader = {
    ended,
    isAtWork: () => beats > 0,
    /** Whether it has given positions to everything that was recorded before. */
    isLeading: () => isLeading,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
  leaders.push(leader);
  return leader;
}

function newOrder(): readonly [OrderEvent, ...OrderEvent[]] {
  return logOf(states.refunded, randomUUID());
}

async function record(...events: readonly OrderEvent[]): Promise<void> {
  for (const event of events) await appendToJournal(orderLog, db, [event]);
}

/**
 * The contract: 1, 2, 3 … without gaps, each event once, and within an order positions follow
 * versions.
 */
async function expectSound(count: number): Promise<void> {
  await until(async () => expect(await feedHead(orderLog, db)).toBeGreaterThanOrEqual(count));
  const feed = await readFeed(orderLog, db, 0, count + 1);
  expect(feed.map((event) => event.position)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  expect(await journal(orderLog, db).countDocuments({ unsequenced: true })).toBe(0);
  const versions = new Map<string, number>();
  for (const { orderId, version } of feed) {
    expect(version).toBe((versions.get(orderId) ?? 0) + 1);
    versions.set(orderId, version);
  }
}

test('events get positions 1, 2, 3 … in the order in which they were recorded', async () => {
  const leader = lead();
  // Events that are recorded before the leader works get positions in the order of their times,
  // which may be equal.
  await until(async () => expect(leader.isAtWork()).toBe(true));
  const [one, another] = [newOrder(), newOrder()];
  const recorded = [one[0], another[0], ...another.slice(1), ...one.slice(1)];
  await record(...recorded);
  await expectSound(recorded.length);
  const feed = await readFeed(orderLog, db, 0, 1000);
  expect(feed.map(({ orderId, version }) => `${orderId}:${version}`)).toEqual(
    recorded.map(({ orderId, version }) => `${orderId}:${version}`),
  );
});

test('an event recorded before its predecessor waits for it, and other orders do not wait', async () => {
  lead();
  const [late, other] = [newOrder(), newOrder()];
  await record(late[0], ...late.slice(2), ...other);
  await until(async () => expect(await feedHead(orderLog, db)).toBe(1 + other.length));
  await record(...late.slice(1, 2));
  await expectSound(late.length + other.length);
});

test('the feed has no gap, duplicate or skip under concurrent writers and changing leaders', async () => {
  const written = new AbortController();
  const logs = Array.from({ length: 40 }, newOrder);
  const count = logs.flat().length;
  const readers = (async () => {
    // A reader that follows all the time must see exactly the events that exist in the end.
    const seen: string[] = [];
    let position = 0;
    while (seen.length < count) {
      for (const event of await readFeed(orderLog, db, position, 7)) {
        expect(event.position).toBe(position + 1);
        position = event.position;
        seen.push(`${event.orderId}:${event.version}`);
      }
    }
    return seen;
  })();
  const replacing = (async () => {
    while (!written.signal.aborted) {
      const leader = lead();
      await until(async () => expect(leader.isAtWork()).toBe(true));
    }
  })();
  await Promise.all(logs.map((log, index) => record(...(index % 2 === 0 ? log : log.toReversed()))));
  written.abort();
  await replacing;
  lead();
  await expectSound(count);
  const seen = await readers;
  expect(seen).toEqual(
    (await readFeed(orderLog, db, 0, count)).map(({ orderId, version }) => `${orderId}:${version}`),
  );
});

describe('a leader', () => {
  test('that was replaced cannot write', async () => {
    const old = lead();
    await until(async () => expect(old.isAtWork()).toBe(true));
    const young = lead();
    await until(async () => expect(young.isAtWork()).toBe(true));
    const ended: unknown[] = [];
    void old.ended.then((error) => ended.push(error));
    // The old leader is refused at its next write. It does not write for an order that the new
    // leader gave positions first, so orders are recorded until the old leader has tried to write.
    let count = 0;
    while (ended.length === 0) {
      const log = newOrder();
      await record(...log);
      count += log.length;
      await expectSound(count);
    }
    expect(ended).toEqual([expect.any(Fenced)]);
  });

  test('continues where the previous leader stopped, with the events recorded meanwhile', async () => {
    const first = lead();
    const [before, meanwhile, after] = [newOrder(), newOrder(), newOrder()];
    await record(...before);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(before.length));
    await first.stop();
    await record(...meanwhile);
    lead();
    await record(...after);
    await expectSound(before.length + meanwhile.length + after.length);
  });

  test('whose resume token is lost begins with the events that have no position', async () => {
    const first = lead();
    const [before, meanwhile] = [newOrder(), newOrder()];
    await record(...before);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(before.length));
    await first.stop();
    await record(...meanwhile);
    // A token that MongoDB refuses, as it does a token from before a restore.
    await feedState(db).updateOne({ _id: 'feed' }, { $set: { resumeToken: { _data: '82' } } });
    lead();
    await expectSound(before.length + meanwhile.length);
  });

  test('that is stopped in a long backlog has saved its progress', async () => {
    const logs = Array.from({ length: 60 }, newOrder);
    for (const log of logs) await appendToJournal(orderLog, db, log);
    const stopping = new AbortController();
    let given = 0;
    const heartbeat = (position: number) => {
      given = position;
      stopping.abort();
    };
    await runSequencer({ log: orderLog, db, signal: stopping.signal, heartbeat });
    expect(given).toBeLessThan(logs.flat().length);
    expect(await feedState(db).findOne()).toMatchObject({ position: given });
    lead();
    await expectSound(logs.flat().length);
  });

  test('begins with a journal that was filled long before the feed existed', async () => {
    const logs = Array.from({ length: 60 }, newOrder);
    await Promise.all(logs.map((log) => record(...log.toReversed())));
    lead();
    await expectSound(logs.flat().length);
  });
});

test('an event recorded while the first leader starts gets a position', async () => {
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([journal(orderLog, db).deleteMany({}), feedState(db).deleteMany({})]);
    const leader = lead();
    // This only varies the moment. The check has to pass at each moment.
    await setTimeout(round % 10);
    await record(...newOrder().slice(0, 1));
    await expectSound(1);
    await leader.stop();
  }
});

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

test('a leader counts an event that another leader gave a position first', async () => {
  const log = newOrder();
  lead();
  await record(...log);
  await until(async () => expect((await feedState(db).findOne())?.position).toBe(log.length));
  const [first] = newOrder();
  const position = log.length + 1;
  // Both writes are in one transaction, so this leader only ever sees the event with a position.
  await db.client.withSession(async (session) => {
    await session.withTransaction(async () => {
      const id = `${first.orderId}:1`;
      const event = { ...first, _id: id, recordedAt: first.occurredAt, unsequenced: true } as const;
      await journal(orderLog, db).insertOne(event, { session });
      const change = { $set: { position }, $unset: { unsequenced: '' } } as const;
      await journal(orderLog, db).updateOne({ _id: id }, change, { session });
    });
  });
  await until(async () => expect((await feedState(db).findOne())?.position).toBe(position));
});

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
