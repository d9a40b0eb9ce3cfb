import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { Fenced } from '../../../src/log/leases/fencing.js';
import { storesOf } from '../../../src/log/entity-log/entity-log.js';
import { journal } from '../../../src/log/journal/journal.js';
import { record } from '../../../src/log/recording/recording.js';
import { clearStopped, endedReason, markStopped } from '../../../src/log/journal/stops.js';
import { isStateViewOutdated, rebuildStateView } from '../../../src/log/rebuilding/rebuild-state-view.js';
import { type Begun, StoreRebuilder, storeRebuilds } from '../../../src/log/rebuilding/store-rebuild.js';
import { storesStatus } from '../../../src/log/rebuilding/store-status.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { fold } from '../../../src/order/evolve.js';
import { orders, ORDERS_VERSION, toDocument } from '../../../src/views/orders.js';
import { manyStates, newLogs, openViews, pausedBefore, publish } from '../views/support.js';

const { db, rebuilding } = await openViews();

/** The documents that the view is to have, by id. */
function wholeOrders(logs: readonly (readonly OrderEvent[])[]) {
  const documents = logs.flatMap((log) => {
    const order = fold(log);
    return order === undefined ? [] : [toDocument(order)];
  });
  return documents.toSorted((a, b) => (a.orderId < b.orderId ? -1 : 1));
}

async function storedOrders() {
  return await orders(db)
    .find({}, { projection: { recorder: 0 } })
    .sort({ _id: 1 })
    .toArray();
}

/** Marks an order as one whose workflow has ended. */
async function stop(orderId: string): Promise<void> {
  await markStopped(orderLog, db, orderId, endedReason(orderLog, orderId, 'TERMINATED'));
}

test('the state view of orders is rebuilt while events are recorded, and none is lost', async () => {
  const logs = newLogs(...Array.from({ length: 40 }, () => manyStates).flat());
  const [under, later] = [newLogs(...manyStates), newLogs(...manyStates)];
  await publish(db, logs.flat());
  for (const log of under) await record(orderLog, db, log.slice(0, 2));
  // Makes the view wrong.
  await orders(db).updateMany({}, { $set: { total: -1 } });
  const recorded = Promise.all([...under, ...later].map((log) => record(orderLog, db, log)));
  expect(await rebuildStateView(orderLog, rebuilding())).toBe(true);
  await recorded;
  expect(await storedOrders()).toEqual(wholeOrders([...logs, ...under, ...later]));
  expect(await orders(db).indexExists(['search_1_createdAt_1__id_1', 'stopped.since_present'])).toBe(true);
});

test('a rebuild of the state view of orders that is ended at any point continues there', async () => {
  const logs = newLogs(...Array.from({ length: 60 }, () => manyStates).flat());
  await publish(db, logs.flat());
  const rebuildId = randomUUID();
  let tries = 0;
  for (let isDone = false; !isDone; tries += 1) {
    const crash = new AbortController();
    isDone = await rebuildStateView(
      orderLog,
      rebuilding(rebuildId, crash.signal, () => crash.abort()),
    );
  }
  expect(tries).toBeGreaterThan(1);
  expect(await storedOrders()).toEqual(wholeOrders(logs));
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
});

test('a rebuild stops at once in every phase, and continues', async () => {
  // Nothing gives these events positions, so that each phase has something to do.
  const logs = newLogs('completed', 'cancelled');
  for (const log of logs) await record(orderLog, db, log);
  const rebuildId = randomUUID();
  for (const { stopAfter, phase } of [
    { stopAfter: 1, phase: 'running' },
    { stopAfter: 1, phase: 'running' },
    { stopAfter: 2, phase: 'swapping' },
  ]) {
    const stopping = new AbortController();
    let batches = 0;
    const attempt = rebuilding(rebuildId, stopping.signal, () => {
      batches += 1;
      if (batches === stopAfter) stopping.abort();
    });
    expect(await rebuildStateView(orderLog, attempt)).toBe(false);
    expect(batches).toBe(stopAfter);
    expect(await storeRebuilds(db).findOne({ _id: 'orders' })).toMatchObject({ phase });
  }
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  expect(await storedOrders()).toEqual(wholeOrders(logs));
});

test('a crash after the swap loses nothing that was recorded meanwhile', async () => {
  const [one = [], other = []] = newLogs('completed', 'cancelled');
  await record(orderLog, db, one.slice(0, 3));
  const rebuildId = randomUUID();
  await rebuildStateView(orderLog, rebuilding(rebuildId));
  // The situation right after the swap: the order's last events are in the journal and in the
  // replaced view only.
  await record(orderLog, db, one);
  await record(orderLog, db, other);
  await orders(db).deleteMany({ _id: other[0]?.orderId ?? '' });
  await storeRebuilds(db).updateOne({ _id: 'orders' }, { $set: { phase: 'swapping' } });
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  expect(await storedOrders()).toEqual(wholeOrders([one, other]));
});

/** A rebuild of the view `orders` that is stopped when it has rebuilt some of the orders. */
async function halfRebuild(rebuildId: string = randomUUID()): Promise<void> {
  const crash = new AbortController();
  expect(
    await rebuildStateView(
      orderLog,
      rebuilding(rebuildId, crash.signal, () => crash.abort()),
    ),
  ).toBe(false);
}

test('a process that freezes before its swap does not swap in the next, half-built rebuild', async () => {
  const logs = newLogs(...Array.from({ length: 60 }, () => manyStates).flat());
  await publish(db, logs.flat());
  const rebuildId = randomUUID();
  const frozen = pausedBefore(db, 'rename');
  const late = rebuildStateView(orderLog, { ...rebuilding(rebuildId), db: frozen.db });
  await frozen.reached;
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  await halfRebuild();
  frozen.resume();
  await expect(late).rejects.toThrow();
  expect(await storedOrders()).toEqual(wholeOrders(logs));
});

test('a late write of a frozen process is not swapped in either, and is removed', async () => {
  const logs = newLogs(...Array.from({ length: 60 }, () => manyStates).flat());
  await publish(db, logs.flat());
  const rebuildId = randomUUID();
  const frozen = pausedBefore(db, 'bulkWrite');
  const late = rebuildStateView(orderLog, { ...rebuilding(rebuildId), db: frozen.db });
  await frozen.reached;
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  // Simulates that the process ended right after its swap.
  await storeRebuilds(db).updateOne({ _id: 'orders' }, { $set: { phase: 'swapping' } });
  frozen.resume();
  await expect(late).rejects.toThrow(Fenced);
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  expect(await storedOrders()).toEqual(wholeOrders(logs));

  await halfRebuild('given-up');
  expect(await rebuildStateView(orderLog, rebuilding('last'))).toBe(true);
  const left = await db.listCollections({ name: /^orders_/ }).toArray();
  expect(left).toEqual([]);
});

test('a recorder that has read the replaced view writes nothing of it into the new one', async () => {
  const [log = []] = newLogs('completed');
  const orderId = log[0]?.orderId ?? '';
  await record(orderLog, db, log.slice(0, 2));
  // A view that an older version of the fold has written.
  await orders(db).updateOne({ _id: orderId }, { $set: { 'state.tags': ['old'] } });
  const swap = pausedBefore(db, 'rename');
  const last = pausedBefore(swap.db, 'replaceOne', 'orders');
  const rebuilt = rebuildStateView(orderLog, { ...rebuilding(), db: last.db });
  await swap.reached;
  const recorder = pausedBefore(db, 'replaceOne');
  const recorded = record(orderLog, recorder.db, log.slice(2));
  await recorder.reached;
  swap.resume();
  await last.reached;
  recorder.resume();
  await recorded;
  last.resume();
  expect(await rebuilt).toBe(true);
  expect(await storedOrders()).toEqual(wholeOrders([log]));
});

test('a rebuilt view has the documents of recording: with what follows a gap, and marks of stops', async () => {
  const [gap = [], ended = [], copied = [], well = []] = newLogs(
    'completed',
    'confirmed',
    'confirmed',
    'cancelled',
  );
  await record(orderLog, db, gap.slice(0, 2));
  await record(orderLog, db, gap.slice(3, 5));
  for (const log of [ended, copied, well]) await record(orderLog, db, log);
  for (const [{ orderId } = { orderId: '' }] of [gap, ended, copied]) await stop(orderId);
  await journal(orderLog, db).deleteOne({ orderId: copied[0]?.orderId ?? '', version: 1 });
  const recorded = await storedOrders();
  expect(recorded.find(({ ahead }) => ahead !== undefined)).toMatchObject({ version: 2, ahead: 5 });
  expect(await rebuildStateView(orderLog, rebuilding())).toBe(true);
  expect(await storedOrders()).toEqual(recorded);
});

test('events after a gap that are recorded during a rebuild are noted', async () => {
  const [log = []] = newLogs('completed');
  await record(orderLog, db, log.slice(0, 2));
  const filled = pausedBefore(db, 'createIndexes');
  const rebuilt = rebuildStateView(orderLog, { ...rebuilding(), db: filled.db });
  await filled.reached;
  await record(orderLog, db, log.slice(3, 5));
  filled.resume();
  expect(await rebuilt).toBe(true);
  expect(await storedOrders()).toMatchObject([{ version: 2, ahead: 5 }]);
});

test('marks are as they are at the swap: one that was removed during a rebuild does not return', async () => {
  const logs = newLogs('confirmed', 'confirmed', 'confirmed');
  const [removed = '', added = '', resumed = ''] = logs.map(([{ orderId }]) => orderId);
  for (const log of logs) await record(orderLog, db, log.slice(0, 2));
  await stop(removed);
  await stop(resumed);
  // The document of this order is copied with its mark, because it cannot be folded.
  await journal(orderLog, db).deleteOne({ orderId: removed, version: 1 });
  const rebuildId = randomUUID();
  const filled = pausedBefore(db, 'createIndexes');
  const swap = pausedBefore(filled.db, 'rename');
  const rebuilt = rebuildStateView(orderLog, { ...rebuilding(rebuildId), db: swap.db });
  await filled.reached;
  await clearStopped(orderLog, db, removed);
  await stop(added);
  filled.resume();
  await swap.reached;
  // This order continues right before the swap. Its new event removes the mark.
  await record(orderLog, db, logs[2]?.slice(0, 3) ?? []);
  swap.resume();
  expect(await rebuilt).toBe(true);
  const marked = (await storedOrders()).flatMap(({ _id, stopped }) => (stopped ? [_id] : []));
  expect(marked).toEqual([added]);
});

test('a swap that another worker completes copies the marks again', async () => {
  const logs = newLogs('confirmed', 'confirmed');
  const [removed = '', added = ''] = logs.map(([{ orderId }]) => orderId);
  for (const log of logs) await record(orderLog, db, log);
  await stop(removed);
  const rebuildId = randomUUID();
  const frozen = pausedBefore(db, 'rename');
  const late = rebuildStateView(orderLog, { ...rebuilding(rebuildId), db: frozen.db });
  await frozen.reached;
  await clearStopped(orderLog, db, removed);
  await stop(added);
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  frozen.resume();
  await expect(late).rejects.toThrow();
  const marked = (await storedOrders()).flatMap(({ _id, stopped }) => (stopped ? [_id] : []));
  expect(marked).toEqual([added]);
});

test('of two simultaneous rebuilds of a store, one is refused', async () => {
  const begin = async (begun: Begun) => ({ ...begun, since: 0, total: 0 });
  await StoreRebuilder.takeOver(db, 'orders', 'last', begin);
  const late = StoreRebuilder.takeOver(db, 'orders', 'late', async (begun) => {
    await StoreRebuilder.takeOver(db, 'orders', 'next', begin);
    return await begin(begun);
  });
  await expect(late).rejects.toThrow(Fenced);
  expect(await storeRebuilds(db).findOne({ _id: 'orders' })).toMatchObject({ rebuildId: 'next' });
});

test('an order without its first event is copied as it was', async () => {
  const [whole = [], maimed = []] = newLogs('completed', 'completed');
  await record(orderLog, db, whole);
  await record(orderLog, db, maimed);
  const orderId = maimed[0]?.orderId ?? '';
  await journal(orderLog, db).deleteOne({ orderId, version: 1 });
  await rebuildStateView(orderLog, rebuilding());
  expect(await storedOrders()).toEqual(wholeOrders([whole, maimed]));
  const stores = await storesStatus(db, storesOf(orderLog));
  expect(stores[0]).toMatchObject({ name: 'orders', exceptions: { count: 1, orderIds: [orderId] } });
});

test('an order without any event in the journal is copied as it was', async () => {
  const [whole = [], lost = []] = newLogs('completed', 'completed');
  await record(orderLog, db, whole);
  await record(orderLog, db, lost);
  const orderId = lost[0]?.orderId ?? '';
  await journal(orderLog, db).deleteMany({ orderId });
  await rebuildStateView(orderLog, rebuilding());
  expect(await storedOrders()).toEqual(wholeOrders([whole, lost]));
  const exceptions = { count: 1, orderIds: [orderId] };
  expect((await storesStatus(db, storesOf(orderLog)))[0]).toMatchObject({
    name: 'orders',
    exceptions,
  });
});

test('an order with an unreadable event is copied as it was, and does not hold up other orders', async () => {
  const logs = newLogs('completed', 'completed', 'cancelled');
  await publish(db, logs.flat());
  for (const log of logs) await record(orderLog, db, log);
  const orderId = logs[1]?.[0].orderId ?? '';
  await journal(orderLog, db).updateOne({ _id: `${orderId}:3` }, { $set: { schemaVersion: 0 } });
  // An order that is recorded just before the swap is folded again after it.
  const [late = []] = newLogs('completed');
  await record(orderLog, db, late);
  await journal(orderLog, db).updateOne({ _id: `${late[0]?.orderId}:2` }, { $set: { schemaVersion: 0 } });
  await orders(db).updateOne({ _id: late[0]?.orderId ?? '' }, { $set: { version: 1 } });
  const lateOne = async () => (await storedOrders()).find(({ _id }) => _id === late[0]?.orderId);
  const before = await lateOne();
  expect(await rebuildStateView(orderLog, rebuilding())).toBe(true);
  expect((await storedOrders()).find(({ _id }) => _id === orderId)).toEqual(wholeOrders(logs.slice(1, 2))[0]);
  expect(await lateOne()).toEqual(before);
  const stores = await storesStatus(db, storesOf(orderLog));
  expect(stores[0]?.exceptions?.count).toBe(2);
  expect(stores[0]?.exceptions?.orderIds).toEqual(expect.arrayContaining([orderId, late[0]?.orderId]));
});

test('the state view of orders is outdated until a rebuild to its version has begun', async () => {
  const [log = []] = newLogs('completed');
  await record(orderLog, db, log);
  expect(await isStateViewOutdated(orderLog, db)).toBe(ORDERS_VERSION > 1);
  await rebuildStateView(orderLog, rebuilding());
  await storeRebuilds(db).updateOne({ _id: 'orders' }, { $set: { version: 0 } });
  expect(await isStateViewOutdated(orderLog, db)).toBe(true);
  const rebuildId = randomUUID();
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId, AbortSignal.abort()))).toBe(false);
  expect(await isStateViewOutdated(orderLog, db)).toBe(false);
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  expect(await isStateViewOutdated(orderLog, db)).toBe(false);
});

test.each(['running', 'swapping', 'done'] as const)(
  'a view that an earlier version has rolled back (%s) is rebuilt, and its kept build is dropped',
  async (phase) => {
    const logs = newLogs(...manyStates);
    for (const log of logs) await record(orderLog, db, log);
    await orders(db).updateMany({}, { $set: { tags: ['old'], 'state.tags': ['old'] } });
    await db.collection('orders_before_back').insertOne({ total: 1 });
    await db.collection('orders_next_back').insertOne({ total: 1 });
    const last = {
      rebuildId: 'back',
      epoch: 3,
      phase,
      startedAt: '',
      at: '',
      done: 1,
      total: 1,
      perSecond: 1,
    };
    const rolledBack = {
      ...last,
      since: 0,
      exceptions: { count: 0, orderIds: [] },
      version: 1,
      replaces: ORDERS_VERSION,
      collection: 'orders_next_back',
      previous: { collection: 'orders_before_back', version: ORDERS_VERSION },
    };
    await storeRebuilds(db).replaceOne({ _id: 'orders' }, rolledBack, { upsert: true });
    expect(await isStateViewOutdated(orderLog, db)).toBe(phase !== 'running' && ORDERS_VERSION > 1);
    expect(await rebuildStateView(orderLog, rebuilding())).toBe(true);
    expect(await storedOrders()).toEqual(wholeOrders(logs));
    expect(await isStateViewOutdated(orderLog, db)).toBe(false);
    expect(await db.listCollections({ name: /^orders_(next|before)/ }).toArray()).toEqual([]);
  },
);

test('the state view of orders has the current version from the beginning if there is no order yet', async () => {
  expect(await isStateViewOutdated(orderLog, db)).toBe(false);
  const [log = []] = newLogs('completed');
  await record(orderLog, db, log);
  expect(await isStateViewOutdated(orderLog, db)).toBe(false);
  expect((await storesStatus(db, storesOf(orderLog)))[0]).toEqual({
    name: 'orders',
    version: ORDERS_VERSION,
  });
  await rebuildStateView(orderLog, rebuilding());
  expect((await storesStatus(db, storesOf(orderLog)))[0]).toMatchObject({ version: ORDERS_VERSION });
});

test('a rebuild of the state view of orders to another version is left to processes of that version', async () => {
  const rebuildId = randomUUID();
  const [log = []] = newLogs('completed');
  await publish(db, log);
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId, AbortSignal.abort()))).toBe(false);
  await storeRebuilds(db).updateOne({ _id: 'orders' }, { $set: { version: ORDERS_VERSION + 1 } });
  await expect(rebuildStateView(orderLog, rebuilding(rebuildId))).rejects.toThrow(Fenced);
});

test('a rebuild of the state view of orders to an older version ends, and one to this version replaces it', async () => {
  const rebuildId = randomUUID();
  const logs = newLogs('completed', 'cancelled');
  for (const log of logs) await record(orderLog, db, log);
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId, AbortSignal.abort()))).toBe(false);
  const older = { $set: { version: ORDERS_VERSION - 1 } };
  await storeRebuilds(db).updateOne({ _id: 'orders' }, older);
  await expect(rebuildStateView(orderLog, rebuilding(rebuildId))).rejects.toMatchObject({
    nonRetryable: true,
    message: expect.stringContaining(`which version ${ORDERS_VERSION} replaces`),
  });
  expect(await isStateViewOutdated(orderLog, db)).toBe(true);
  expect(await rebuildStateView(orderLog, rebuilding())).toBe(true);
  expect(await storedOrders()).toEqual(wholeOrders(logs));
});

test('a rebuild of the state view of orders without a noted collection continues in the default one', async () => {
  const rebuildId = randomUUID();
  const logs = newLogs('completed', 'cancelled');
  for (const log of logs) await record(orderLog, db, log);
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId, AbortSignal.abort()))).toBe(false);
  await db.createCollection('orders_next');
  await storeRebuilds(db).updateOne({ _id: 'orders' }, { $unset: { collection: '' } });
  expect(await rebuildStateView(orderLog, rebuilding(rebuildId))).toBe(true);
  expect(await storedOrders()).toEqual(wholeOrders(logs));
  expect(await db.listCollections({ name: /^orders_next/ }).toArray()).toEqual([]);
});
