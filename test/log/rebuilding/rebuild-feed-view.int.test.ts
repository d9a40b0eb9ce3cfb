import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { feedHead } from '../../../src/log/feed/feed.js';
import { Fenced } from '../../../src/log/leases/fencing.js';
import { beginGeneration, feedGenerations } from '../../../src/log/feed/generations.js';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { journal } from '../../../src/log/journal/journal.js';
import { buildsOf, rollBack } from '../../../src/log/views/view-builds.js';
import { rebuildFeedView } from '../../../src/log/rebuilding/rebuild-feed-view.js';
import { viewsStatus } from '../../../src/log/views/status.js';
import type { View } from '../../../src/log/views/view.js';
import { orderLog } from '../../../src/order-log.js';
import type { EventDraft } from '../../../src/order/events.js';
import type { Order } from '../../../src/order/order.js';
import { customers, findCustomer } from '../../../src/views/customers.js';
import { views } from '../../../src/views/views.js';
import { startSequencing, untilSequenced } from '../../support/sequencing.js';
import { until } from '../../support/until.js';
import {
  caughtUp,
  contentsOf,
  expectedContents,
  interleaved,
  manyStates,
  newLogs,
  openViews,
  parkedOf,
  publish,
} from '../views/support.js';

const { db, rebuilding, run, runners } = await openViews();

async function collectionsOf(view: View<Order, EventDraft>): Promise<readonly string[]> {
  const found = await db
    .listCollections({ name: { $regex: `^${view.name}_` } }, { nameOnly: true })
    .toArray();
  return found.map(({ name }) => name).toSorted();
}

test('a feed view is rebuilt beside the current one during writes, and has the same contents', async () => {
  const logs = newLogs(...manyStates, ...manyStates, ...manyStates);
  const events = interleaved(...logs);
  run(customers);
  await publish(db, events.slice(0, 100));
  await caughtUp(db, customers);
  const before = await buildsOf(db, customers.name);
  const stream = (async () => {
    for (let from = 100; from < events.length; from += 5) await publish(db, events.slice(from, from + 5));
  })();
  const rebuildId = randomUUID();
  expect(await rebuildFeedView(orderLog, customers, rebuilding(rebuildId))).toBe(true);
  await stream;
  await caughtUp(db, customers);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));
  const after = await buildsOf(db, customers.name);
  expect(after).toMatchObject({ rebuildId, previous: { collection: before?.collection } });
  expect(after).not.toHaveProperty('rebuilding');
  expect(runners).toHaveLength(1);
});

test('during rebuilds readers always have a view, and never an older one', async () => {
  const logs = newLogs(...manyStates);
  await publish(db, interleaved(...logs));
  run(customers);
  await caughtUp(db, customers);
  const seen: number[] = [];
  const over = new AbortController();
  const reader = (async () => {
    while (!over.signal.aborted) {
      const { found, asOf } = await findCustomer(db, 'c-1');
      expect(found?.orders).toBe(logs.length);
      seen.push(asOf.position);
    }
  })();
  for (let times = 0; times < 3; times += 1) await rebuildFeedView(orderLog, customers, rebuilding());
  over.abort();
  await reader;
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});

test('a rebuild that ends half-way continues where it was', async () => {
  const logs = newLogs(...Array.from({ length: 40 }, () => manyStates).flat());
  const events = interleaved(...logs);
  await publish(db, events);
  const rebuildId = randomUUID();
  const crash = new AbortController();
  expect(
    await rebuildFeedView(
      orderLog,
      customers,
      rebuilding(rebuildId, crash.signal, () => crash.abort()),
    ),
  ).toBe(false);
  const half = (await buildsOf(db, customers.name))?.rebuilding;
  expect(half?.position).toBeGreaterThan(0);
  expect(half?.position).toBeLessThan(events.length);
  const [status] = (await viewsStatus(orderLog, db, views)).views;
  expect(status).toMatchObject({ rebuilding: { rebuildId, done: half?.position, total: events.length } });

  let first: number | undefined;
  const again = rebuilding(rebuildId);
  expect(
    await rebuildFeedView(orderLog, customers, { ...again, heartbeat: (position) => (first ??= position) }),
  ).toBe(true);
  expect(first).toBe(half?.position);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));
  // A retry after a lost answer: the rebuild does not begin again.
  expect(await rebuildFeedView(orderLog, customers, rebuilding(rebuildId))).toBe(true);
  expect(await buildsOf(db, customers.name)).toMatchObject({ collection: half?.collection });
});

test('of two processes with the same rebuild, the older is refused, and each event is applied once', async () => {
  const logs = newLogs(...Array.from({ length: 40 }, () => manyStates).flat());
  await publish(db, interleaved(...logs));
  const rebuildId = randomUUID();
  const outcomes = await Promise.allSettled([
    rebuildFeedView(orderLog, customers, rebuilding(rebuildId)),
    rebuildFeedView(orderLog, customers, rebuilding(rebuildId)),
  ]);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(Fenced);
  }
  expect(await rebuildFeedView(orderLog, customers, rebuilding(rebuildId))).toBe(true);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));
});

test('a roll-back shows the previous build immediately, and then catches up', async () => {
  const [first = [], second = []] = newLogs('completed', 'cancelled');
  await publish(db, first);
  const runner = run(customers);
  await caughtUp(db, customers);
  await runner.stop();
  await rebuildFeedView(orderLog, customers, rebuilding());
  const rebuilt = await buildsOf(db, customers.name);
  run(customers);
  await publish(db, second);
  await caughtUp(db, customers);

  expect(await rollBack(db, customers.name)).toMatchObject({
    position: first.length,
    previous: { collection: rebuilt?.collection },
  });
  await caughtUp(db, customers);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [first, second]));
  expect(await rollBack(db, customers.name)).toMatchObject({ collection: rebuilt?.collection });
  expect(await rollBack(db, 'daily-stats')).toBeUndefined();
});

test('only the build before the last is kept', async () => {
  const [log = []] = newLogs('completed');
  await publish(db, log);
  const expected = new Set<string | undefined>();
  for (let times = 0; times < 4; times += 1) await rebuildFeedView(orderLog, customers, rebuilding());
  const state = await buildsOf(db, customers.name);
  expected.add(state?.collection).add(state?.previous?.collection);
  expect(new Set(await collectionsOf(customers))).toEqual(expected);
});

test('an abandoned rebuild is replaced by the next', async () => {
  await publish(db, interleaved(...newLogs(...Array.from({ length: 40 }, () => manyStates).flat())));
  const crash = new AbortController();
  await rebuildFeedView(
    orderLog,
    customers,
    rebuilding('lost', crash.signal, () => crash.abort()),
  );
  const lost = (await buildsOf(db, customers.name))?.rebuilding?.collection;
  expect(await rebuildFeedView(orderLog, customers, rebuilding('next'))).toBe(true);
  expect(await buildsOf(db, customers.name)).toMatchObject({ rebuildId: 'next' });
  expect(await collectionsOf(customers)).not.toContain(lost);
});

test('a new version is built while the old one is read, and then takes over', async () => {
  const logs = newLogs(...manyStates);
  await publish(db, interleaved(...logs));
  const old = run(customers);
  await caughtUp(db, customers);
  await old.stop();
  const next: View<Order, EventDraft> = {
    ...customers,
    version: customers.version + 1,
    fold: (event, before, after) => [
      ...customers.fold(event, before, after),
      { id: after.customer.id, add: { events: 1 } },
    ],
  };
  let request: Promise<boolean> | undefined;
  run(next, {
    requestRebuild: async (view) => {
      expect((await findCustomer(db, 'c-1')).found?.orders).toBe(logs.length);
      request ??= rebuildFeedView(orderLog, view, rebuilding());
    },
  });
  await caughtUp(db, next);
  expect(await request).toBe(true);
  expect(await contentsOf(db, next)).toEqual(await expectedContents(db, next, logs));

  // The view is rolled back to the old version. The new code does not undo that, and leaves the
  // view to the old code.
  await runners.at(-1)?.stop();
  await rollBack(db, customers.name);
  const asked: string[] = [];
  const { epoch } = (await buildsOf(db, customers.name)) ?? {};
  const refused = run(next, { requestRebuild: async ({ name }) => void asked.push(name) });
  expect(await refused.ended).toBeInstanceOf(Fenced);
  expect(await buildsOf(db, customers.name)).toMatchObject({ epoch });
  const [more = []] = newLogs('completed');
  await publish(db, more);
  run(customers);
  await caughtUp(db, customers);
  expect(asked).toEqual([]);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [...logs, more]));
});

test('a rebuild of a feed view to a newer version is left to processes of that version', async () => {
  const rebuildId = randomUUID();
  const next = { ...customers, version: customers.version + 1 };
  expect(await rebuildFeedView(orderLog, next, rebuilding(rebuildId, AbortSignal.abort()))).toBe(false);
  await expect(rebuildFeedView(orderLog, customers, rebuilding(rebuildId))).rejects.toThrow(Fenced);
  expect(await rebuildFeedView(orderLog, next, rebuilding(rebuildId))).toBe(true);
});

test('a rebuild of a feed view to an older version ends, and one to this version replaces it', async () => {
  const rebuildId = randomUUID();
  const logs = newLogs(...manyStates);
  await publish(db, interleaved(...logs));
  expect(await rebuildFeedView(orderLog, customers, rebuilding(rebuildId, AbortSignal.abort()))).toBe(false);
  const next = { ...customers, version: customers.version + 1 };
  await expect(rebuildFeedView(orderLog, next, rebuilding(rebuildId))).rejects.toMatchObject({
    nonRetryable: true,
    message: expect.stringContaining(`which version ${next.version} replaces`),
  });
  expect(await rebuildFeedView(orderLog, next, rebuilding())).toBe(true);
  expect(await buildsOf(db, next.name)).toMatchObject({ version: next.version });
  expect(await contentsOf(db, next)).toEqual(await expectedContents(db, next, logs));
});

test('a feed view is rebuilt when its feed began again in a restored journal', async () => {
  await publish(db, interleaved(...newLogs(...manyStates)));
  let request: Promise<boolean> | undefined;
  let asked = 0;
  run(customers, {
    requestRebuild: async (view) => {
      asked += 1;
      // The first request is lost.
      if (asked > 1) request ??= rebuildFeedView(orderLog, view, rebuilding());
    },
  });
  await caughtUp(db, customers);
  await journal(orderLog, db).deleteMany({});
  await beginGeneration(orderLog, db, { commonUntil: 0, position: 0 });
  const [log = []] = newLogs('completed');
  await publish(db, log);
  await until(async () => {
    expect(await buildsOf(db, customers.name)).toMatchObject({ position: log.length });
  });
  expect(await request).toBe(true);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [log]));
});

test('a feed view is rebuilt when its feed began again, even if that feed is already longer', async () => {
  await publish(db, interleaved(...newLogs('completed', 'cancelled')));
  let request: Promise<boolean> | undefined;
  const first = run(customers);
  await caughtUp(db, customers);
  await first.stop();
  await journal(orderLog, db).deleteMany({});
  await beginGeneration(orderLog, db, { commonUntil: 0, position: 0 });
  const logs = newLogs(...manyStates);
  const head = await publish(db, interleaved(...logs));
  run(customers, {
    requestRebuild: async (view) => void (request ??= rebuildFeedView(orderLog, view, rebuilding())),
  });
  await until(async () => {
    const { generation: feed } = (await feedGenerations(orderLog, db)).current;
    expect(await buildsOf(db, customers.name)).toMatchObject({ feed, position: head });
  });
  expect(await request).toBe(true);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));
});

test('a view that has only what two generations have in common continues in the next one', async () => {
  const logs = newLogs(...manyStates);
  const head = await publish(db, interleaved(...logs));
  const asked: string[] = [];
  const options = { requestRebuild: async ({ name }: { name: string }) => void asked.push(name) };
  run(customers, options);
  await caughtUp(db, customers);
  const { collection } = (await buildsOf(db, customers.name)) ?? {};
  await beginGeneration(orderLog, db, { commonUntil: head });
  const { generation: feed } = (await feedGenerations(orderLog, db)).current;
  const [more = []] = newLogs('completed');
  await publish(db, more);
  await caughtUp(db, customers);
  expect(await buildsOf(db, customers.name)).toMatchObject({ collection, feed });
  expect(asked).toEqual([]);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [...logs, more]));
});

test('events that were lost and come back are counted once by a view that had counted them', async () => {
  const logs = newLogs('completed', 'cancelled', 'refunded');
  const stopSequencing = startSequencing(db);
  const options = {
    requestRebuild: async (view: View<Order, EventDraft>) =>
      void (await rebuildFeedView(orderLog, view, rebuilding('after the loss'))),
  };
  try {
    for (const log of logs) await appendToJournal(orderLog, db, log);
    await until(async () => expect(await feedHead(orderLog, db)).toBe(logs.flat().length));
    run(customers, options);
    await caughtUp(db, customers);
    const [lost = []] = logs;
    await journal(orderLog, db).deleteMany({ orderId: lost[0]?.orderId ?? '' });
    await appendToJournal(orderLog, db, lost);
    await untilSequenced(db);
    await until(async () => {
      const { generation: feed } = (await feedGenerations(orderLog, db)).current;
      expect(await buildsOf(db, customers.name)).toMatchObject({
        feed,
        position: await feedHead(orderLog, db),
      });
    });
    expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));
  } finally {
    await stopSequencing();
  }
});

test('a rebuild that has more than the generations have in common begins again', async () => {
  const logs = newLogs(...manyStates);
  await publish(db, interleaved(...logs));
  const crash = new AbortController();
  await rebuildFeedView(
    orderLog,
    customers,
    rebuilding('begun', crash.signal, () => crash.abort()),
  );
  const first = (await buildsOf(db, customers.name))?.rebuilding?.collection;
  await journal(orderLog, db).deleteMany({});
  await beginGeneration(orderLog, db, { commonUntil: 0, position: 0 });
  const head = await publish(db, interleaved(...logs.slice(1)));
  expect(await rebuildFeedView(orderLog, customers, rebuilding('begun'))).toBe(true);
  const { collection, feed, position } = (await buildsOf(db, customers.name)) ?? {};
  expect({ feed, position }).toEqual({
    feed: (await feedGenerations(orderLog, db)).current.generation,
    position: head,
  });
  expect(collection).not.toBe(first);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs.slice(1)));
});

test('views and rebuilds continue after lost events, up to the head', async () => {
  const [lost = [], ...logs] = newLogs('completed', ...manyStates);
  const [first = [], ...others] = logs;
  const events = [...interleaved(lost.slice(0, -1), ...logs), ...lost.slice(-1)];
  const head = await publish(db, events);
  await journal(orderLog, db).deleteMany({ orderId: lost[0]?.orderId ?? '' });
  run(customers);
  await caughtUp(db, customers);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));
  expect(await rebuildFeedView(orderLog, customers, rebuilding())).toBe(true);
  await until(async () => expect(await buildsOf(db, customers.name)).toMatchObject({ position: head }));
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));

  // Restored events have other positions than before. A rebuild has each once.
  await journal(orderLog, db).deleteMany({ orderId: first[0]?.orderId ?? '' });
  await publish(db, first);
  expect(await rebuildFeedView(orderLog, customers, rebuilding())).toBe(true);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [first, ...others]));
});

test('an older version does not change what a newer one has built', async () => {
  await publish(db, interleaved(...newLogs('completed')));
  await rebuildFeedView(orderLog, { ...customers, version: customers.version + 1 }, rebuilding());
  expect(await run(customers).ended).toBeInstanceOf(Fenced);
});

test('a rebuild retries parked events, and parked events belong to one build', async () => {
  const [log = []] = newLogs('completed');
  const broken: View<Order, EventDraft> = {
    ...customers,
    fold() {
      throw new Error('This version applies nothing.');
    },
  };
  await publish(db, log);
  run(broken);
  await caughtUp(db, broken);
  expect(await parkedOf(db, broken)).toHaveLength(log.length);
  const mended = { ...customers, version: customers.version + 1 };
  await rebuildFeedView(orderLog, mended, rebuilding());
  expect(await parkedOf(db, mended)).toEqual([]);
  expect(await contentsOf(db, mended)).toEqual(await expectedContents(db, mended, [log]));
  await rollBack(db, customers.name);
  expect(await parkedOf(db, broken)).toHaveLength(log.length);
});
