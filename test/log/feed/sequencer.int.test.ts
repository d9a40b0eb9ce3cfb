import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { feedHead, readFeed } from '../../../src/log/feed/feed.js';
import { feedState } from '../../../src/log/feed/generations.js';
import { runSequencer } from '../../../src/log/feed/sequencer.js';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { journal } from '../../../src/log/journal/journal.js';
import { Fenced } from '../../../src/log/leases/fencing.js';
import { orderLog } from '../../../src/order-log.js';
import { until } from '../../support/until.js';
import { db, expectSound, lead, newOrder, record } from './support.js';

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
    await runSequencer(orderLog, { db, signal: stopping.signal, heartbeat });
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
