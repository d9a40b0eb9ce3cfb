import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Db, Document, FindCursor } from 'mongodb';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { ensureStateViewIndexes } from '../../../src/log/entity-log/state-view.js';
import { updateStateView } from '../../../src/log/recording/update-state-view.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { toView } from '../../../src/order/view.js';
import { openCachedOrders, type CachedOrders } from '../../../src/views/cache/cached-orders.js';
import type { orders } from '../../../src/views/orders.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';
import { latch } from '../../support/latch.js';
import { until } from '../../support/until.js';

const database = await openDatabase();
const { db } = database;
const opened: CachedOrders[] = [];
beforeAll(() => ensureStateViewIndexes(orderLog, db));
afterAll(async () => {
  await Promise.all(opened.map((cachedOrders) => cachedOrders.close()));
  await database.close();
});

/** So long that no stream is given up only because the machine is busy. */
const patientMs = 60_000;

/** The cached orders of a separate process. */
function processOf(itsDb = db, liveForMs?: number): CachedOrders {
  const cachedOrders = openCachedOrders(itsDb, liveForMs);
  opened.push(cachedOrders);
  return cachedOrders;
}

/** A process whose change stream is live: it answers a second read of an order from memory. */
async function liveProcess(itsDb = db, liveForMs = patientMs): Promise<CachedOrders> {
  const cachedOrders = processOf(itsDb, liveForMs);
  const orderId = randomUUID();
  await write(logOf(states.reserving, orderId));
  await until(async () => expect(await isRemembered(cachedOrders, orderId)).toBe(true));
  return cachedOrders;
}

async function isRemembered(cachedOrders: CachedOrders, orderId: string): Promise<boolean> {
  await cachedOrders.read(orderId);
  const { hits } = cachedOrders.counts;
  await cachedOrders.read(orderId);
  return cachedOrders.counts.hits > hits;
}

async function write(events: readonly OrderEvent[]): Promise<void> {
  await appendToJournal(orderLog, db, events);
  await updateStateView(orderLog, db, events[0]?.orderId ?? '');
}

async function versionIn(cachedOrders: CachedOrders, orderId: string): Promise<number | undefined> {
  return (await cachedOrders.read(orderId))?.version;
}

describe('a cached view', () => {
  test('is read from MongoDB once', async () => {
    const cachedOrders = await liveProcess();
    const orderId = randomUUID();
    await write(logOf(states.confirmed, orderId));
    await until(async () => expect(await isRemembered(cachedOrders, orderId)).toBe(true));
    const view = toView(states.confirmed.order);
    expect(JSON.parse((await cachedOrders.read(orderId))?.json ?? '')).toEqual({ ...view, orderId });
  });

  test('shares one query with the orders that are read at the same time', async () => {
    const looks = { count: 0 };
    const heard = withReportedOrders(countingReads(looks));
    const cachedOrders = await liveProcess(heard.db);
    const orderIds = Array.from({ length: 50 }, () => randomUUID());
    await Promise.all(orderIds.map((orderId) => write(logOf(states.confirmed, orderId))));
    await until(async () => expect(orderIds.filter((orderId) => !heard.orderIds.has(orderId))).toEqual([]));
    looks.count = 0;
    const found = await Promise.all(
      [...orderIds, randomUUID()].map(async (orderId) => await cachedOrders.read(orderId)),
    );
    expect(found.map((view) => view && JSON.parse(view.json).orderId)).toEqual([...orderIds, undefined]);
    // Four reads start immediately, and the others share the queries that follow.
    expect(looks.count).toBeLessThan(15);
  });

  test('is dropped by every process when any of them writes it', async () => {
    const [one, other] = [await liveProcess(), await liveProcess()];
    const orderId = randomUUID();
    const log = logOf(states.refunded, orderId);
    for (const event of log) {
      await write([event]);
      // Without invalidation, each would keep answering with the first version it read.
      for (const cachedOrders of [one, other]) {
        await until(async () => expect(await versionIn(cachedOrders, orderId)).toBe(event.version));
        await until(async () => expect(await isRemembered(cachedOrders, orderId)).toBe(true));
      }
    }
  });

  test('never gets older within a process, whichever process writes and however many read', async () => {
    const cachedOrders = await liveProcess();
    const orderId = randomUUID();
    const log = logOf(states.refunded, orderId);
    await write(log.slice(0, 1));
    const hitsBefore = cachedOrders.counts.hits;
    const written = new AbortController();
    let newest = 0;
    const isOver = () =>
      written.signal.aborted && newest === log.length && cachedOrders.counts.hits > hitsBefore;
    const reader = async (): Promise<void> => {
      while (!isOver()) {
        const begun = newest;
        const version = (await versionIn(cachedOrders, orderId)) ?? 0;
        expect(version).toBeGreaterThanOrEqual(begun);
        newest = Math.max(newest, version);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const reading = Promise.all([reader(), reader(), reader()]);
    for (const event of log.slice(1)) await write([event]);
    written.abort();
    await reading;
  });

  test('is never older than the requested version, or than one that was shown by other means', async () => {
    const orderId = randomUUID();
    const log = logOf(states.confirmed, orderId);
    // Its stream seems live but reports no change of this order, so its cached view is stale.
    const unaware = withoutChangesOf(orderId);
    const cachedOrders = await liveProcess(unaware);
    await write(log.slice(0, 1));
    await until(async () => expect(await isRemembered(cachedOrders, orderId)).toBe(true));
    await write(log.slice(1, 2));
    expect(await versionIn(cachedOrders, orderId)).toBe(1);
    expect((await cachedOrders.read(orderId, 2))?.version).toBe(2);
    await write(log.slice(2, 3));
    expect(await versionIn(cachedOrders, orderId)).toBe(2);
    cachedOrders.seen(orderId, 3);
    expect(await versionIn(cachedOrders, orderId)).toBe(3);
    await write(log.slice(3, 4));
    await cachedOrders.reach(orderId, ({ version }) => version >= 4, 60_000);
    expect(await versionIn(cachedOrders, orderId)).toBe(4);
  });

  test('is not kept if it was written while it was read', async () => {
    const orderId = randomUUID();
    const log = logOf(states.confirmed, orderId);
    const slow = slowReader(orderId);
    const heard = withReportedOrders(slow.db);
    const cachedOrders = await liveProcess(heard.db);
    await write(log.slice(0, 1));
    const reading = cachedOrders.read(orderId);
    await slow.hasRead;
    await write(log.slice(1, 2));
    // The stream reports changes in order: when it has reported this one, it has reported the one
    // before.
    const marker = randomUUID();
    await write(logOf(states.reserving, marker));
    await until(async () => expect(heard.orderIds).toContain(marker));
    slow.resume();
    await reading;
    await until(async () => expect(await versionIn(cachedOrders, orderId)).toBe(2));
  });

  test('is not used while there is no change stream', async () => {
    const cachedOrders = processOf(withoutStream());
    const orderId = randomUUID();
    const log = logOf(states.confirmed, orderId);
    for (const event of log) {
      await write([event]);
      expect(await versionIn(cachedOrders, orderId)).toBe(event.version);
      expect(await versionIn(cachedOrders, orderId)).toBe(event.version);
    }
    expect(cachedOrders.counts).toEqual({ hits: 0, misses: 0, bypasses: 2 * log.length });
  });

  test('is not used once the change stream is silent', async () => {
    const stream = withSilentStream();
    const cachedOrders = await liveProcess(stream.db, 1_500);
    const orderId = randomUUID();
    const log = logOf(states.confirmed, orderId);
    await write(log.slice(0, 1));
    const { bypasses } = cachedOrders.counts;
    await until(async () => {
      await cachedOrders.read(orderId);
      expect(cachedOrders.counts.bypasses).toBeGreaterThan(bypasses);
    });
    const { hits } = cachedOrders.counts;
    for (const event of log) {
      await write([event]);
      expect(await versionIn(cachedOrders, orderId)).toBe(event.version);
    }
    expect(cachedOrders.counts.hits).toBe(hits);
    stream.end();
  });

  test('is dropped when the change stream is killed, and cached again with the next stream', async () => {
    const cachedOrders = await liveProcess();
    const orderId = randomUUID();
    const log = logOf(states.confirmed, orderId);
    await write(log.slice(0, 1));
    await until(async () => expect(await isRemembered(cachedOrders, orderId)).toBe(true));
    expect(await killStreams()).toBeGreaterThan(0);
    await write(log.slice(1));
    await until(async () => expect(await versionIn(cachedOrders, orderId)).toBe(log.length));
    await until(async () => expect(await isRemembered(cachedOrders, orderId)).toBe(true));
  });

  test('that was read while there was no stream is not kept by the next stream', async () => {
    const orderId = randomUUID();
    const log = logOf(states.confirmed, orderId);
    const slow = slowReader(orderId);
    const stream = withStreamToEnd(slow.db);
    const cachedOrders = await liveProcess(stream.db);
    await write(log.slice(0, 1));
    const reading = cachedOrders.read(orderId);
    await slow.hasRead;
    const { bypasses } = cachedOrders.counts;
    stream.end();
    await until(async () => {
      await cachedOrders.read(randomUUID());
      expect(cachedOrders.counts.bypasses).toBeGreaterThan(bypasses);
    });
    slow.resume();
    expect((await reading)?.version).toBe(1);
    await write(log.slice(1));
    stream.revive();
    const marker = randomUUID();
    await write(logOf(states.reserving, marker));
    await until(async () => expect(await isRemembered(cachedOrders, marker)).toBe(true));
    expect(await versionIn(cachedOrders, orderId)).toBe(log.length);
  });

  test('is dropped when its collection is dropped', async () => {
    const own = await openDatabase();
    try {
      const cachedOrders = openCachedOrders(own.db);
      opened.push(cachedOrders);
      const orderId = randomUUID();
      await appendToJournal(orderLog, own.db, logOf(states.confirmed, orderId));
      await updateStateView(orderLog, own.db, orderId);
      await until(async () => expect(await isRemembered(cachedOrders, orderId)).toBe(true));
      await own.db.dropCollection('orders');
      await until(async () => expect(await cachedOrders.read(orderId)).toBeUndefined());
      await cachedOrders.close();
    } finally {
      await own.close();
    }
  });
});

describe('waiting for a view', () => {
  test.each([
    ['with a change stream', () => liveProcess()],
    ['without one', async () => processOf(withoutStream())],
  ])('ends when the view is far enough, %s', async (_, open) => {
    const cachedOrders = await open();
    const orderId = randomUUID();
    const log = logOf(states.confirmed, orderId);
    const waiting = cachedOrders.reach(orderId, ({ version }) => version >= 3, 60_000);
    for (const event of log.slice(0, 3)) await write([event]);
    expect(await waiting).toMatchObject({ version: 3 });
  });

  test('queries MongoDB once or twice if the change stream reports the write', async () => {
    const looks = { count: 0 };
    const cachedOrders = await liveProcess(countingReads(looks));
    const orderId = randomUUID();
    looks.count = 0;
    const since = Date.now();
    const waiting = cachedOrders.reach(orderId, ({ settled }) => settled, 60_000);
    await write(logOf(states.confirmed, orderId));
    expect(await waiting).toMatchObject({ settled: true });
    // It polls immediately and then each second. Without a stream, it would poll several times in
    // the first tenth of a second.
    expect(looks.count).toBeLessThanOrEqual(2 + Math.floor((Date.now() - since) / 1_000));
  });

  test('ends when the time is up, and returns how far the view is', async () => {
    const cachedOrders = await liveProcess();
    const orderId = randomUUID();
    expect(await cachedOrders.reach(orderId, () => true, 100)).toBeUndefined();
    await write(logOf(states.confirmed, orderId).slice(0, 1));
    expect(await cachedOrders.reach(orderId, () => false, 2_000)).toMatchObject({
      version: 1,
      status: 'pending',
    });
  });
});

type Orders = ReturnType<typeof orders>;

/** The database, with its collection of orders altered by `change`. */
function withOrders(change: (collection: Orders) => void): Db {
  const collection = (name: string) => {
    const real = db.collection(name);
    // The collection `orders` has documents of this type.
    if (name === 'orders') change(real as unknown as Orders);
    return real;
  };
  return Object.create(db, { collection: { value: collection }, client: { value: db.client } });
}

type Command = (body: object) => Promise<Document>;

/** A database whose commands go through `change`. A change stream is read by commands. */
function withCommands(change: (body: object, send: Command) => Promise<Document>, itsDb = db): Db {
  const command = (body: object, options: object) => change(body, (sent) => db.command(sent, options));
  return Object.create(itsDb, { command: { value: command } });
}

function withoutStream(): Db {
  return withCommands(() => Promise.reject(new Error('no streams here')));
}

/** A database whose change stream `end` ends. It cannot be opened again before `revive`. */
function withStreamToEnd(itsDb: Db) {
  let isDead = false;
  const changed = withCommands(async (body, send) => {
    if (isDead) throw new Error('no streams here');
    return await send(body);
  }, itsDb);
  return {
    db: changed,
    end: () => {
      isDead = true;
    },
    revive: () => {
      isDead = false;
    },
  };
}

/** A database whose change stream opens, answers once, and is silent from then on. */
function withSilentStream() {
  const ended = latch();
  let answers = 0;
  const withoutAnswer = withCommands(async (body, send) => {
    if ('getMore' in body && ++answers > 1) await ended.opened;
    return await send(body);
  });
  return { db: withoutAnswer, end: ended.open };
}

/** The database, and the orders that its change stream has reported so far. */
function withReportedOrders(itsDb: Db) {
  const orderIds = new Set<string>();
  const heardDb = withCommands(async (body, send) => {
    const reply = await send(body);
    const changes: readonly { readonly orderId?: string }[] = reply['cursor']?.nextBatch ?? [];
    for (const { orderId } of changes) if (orderId !== undefined) orderIds.add(orderId);
    return reply;
  }, itsDb);
  return { db: heardDb, orderIds };
}

/** A database whose change stream leaves out one order. */
function withoutChangesOf(orderId: string): Db {
  return withCommands(async (body, send) => {
    const reply = await send(body);
    const heard = (change: object) => Reflect.get(change, 'orderId') !== orderId;
    if ('getMore' in body) reply['cursor'].nextBatch = reply['cursor'].nextBatch.filter(heard);
    return reply;
  });
}

function slowReader(orderId: string) {
  const [read, resumed] = [latch(), latch()];
  const slow = withOrders((collection) => {
    const find = collection.find.bind(collection) as (...args: unknown[]) => FindCursor<Document>;
    const held = (filter: object, options: object) => {
      const cursor = find(filter, options);
      const toArray = cursor.toArray.bind(cursor);
      const toArrayLate = async () => {
        const found = await toArray();
        if (JSON.stringify(filter).includes(orderId)) {
          read.open();
          await resumed.opened;
        }
        return found;
      };
      return Object.assign(cursor, { toArray: toArrayLate });
    };
    Object.assign(collection, { find: held });
  });
  return { db: slow, hasRead: read.opened, resume: resumed.open };
}

function countingReads(looks: { count: number }): Db {
  return withOrders((collection) => {
    for (const name of ['find', 'findOne'] as const) {
      const read = collection[name].bind(collection) as (...args: unknown[]) => unknown;
      const counted = (...args: unknown[]) => {
        looks.count += 1;
        return read(...args);
      };
      Object.assign(collection, { [name]: counted });
    }
  });
}

/** Kills every change stream on this database's orders, as the server does when it has to. */
async function killStreams(): Promise<number> {
  const operations = await db.client
    .db('admin')
    .aggregate(
      [
        { $currentOp: { idleCursors: true, allUsers: true } },
        { $match: { ns: `${db.databaseName}.orders`, 'cursor.cursorId': { $exists: true } } },
      ],
      { readConcern: { level: 'local' } },
    )
    .toArray();
  const cursors = operations.map((operation) => operation['cursor'].cursorId);
  if (cursors.length > 0) await db.command({ killCursors: 'orders', cursors });
  return cursors.length;
}
