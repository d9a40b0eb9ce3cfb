import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import type { Collection, Db, UpdateFilter } from 'mongodb';
import { done, movements, stock } from '../../../src/effects/inventory/stock.js';
import { sandboxLedger } from '../../../src/effects/payments/sandbox-ledger.js';
import { verifyOrders } from '../../../src/effects/proof/verify-orders.js';
import { sandboxDatabase } from '../../../src/effects/sandbox-database.js';
import { feedHead } from '../../../src/log/feed/feed.js';
import { feedState } from '../../../src/log/feed/generations.js';
import { journal, type JournalDocument } from '../../../src/log/journal/journal.js';
import { type VerifyOptions } from '../../../src/log/proof/verify.js';
import { orderLog } from '../../../src/order-log.js';
import { connectTemporal } from '../../../src/server/connections.js';
import { orders } from '../../../src/views/orders.js';
import {
  orderBody,
  placedOrder,
  startTestApi,
  terminateWhenRecorded,
  type TestApi,
} from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { continuedAsNew, deleteHistory } from '../../support/retention.js';
import { startSequencing, untilSequenced } from '../../support/sequencing.js';
import { until } from '../../support/until.js';

let api: TestApi;
let db: Db;
let stopSequencing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi();
  ({ db } = api.mongo);
  await api.startWorker();
  stopSequencing = startSequencing(db);
  await placedOrder(api);
  await placedOrder(api, { payment: { method: 'tok_declined' } });
  const orderId = await placedOrder(api);
  await api.post(`/v1/orders/${orderId}/shipments`, { headers: whenAtRest });
});
afterAll(async () => {
  await stopSequencing();
  await api.close();
});

/** Verifies again if a busy worker was late with the state of a workflow. */
async function verified(options: VerifyOptions = {}) {
  const these = { client: api.client, db, taskQueue: api.config.temporal.taskQueue };
  return await until(async () => {
    const report = await verifyOrders(these, { maxPauseMs: 0, ...options });
    expect(report.discrepancies.filter(({ kind }) => kind === 'unanswered')).toEqual([]);
    return report;
  });
}

/** An order with no step in progress, and with all of its events in the feed. */
async function order(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const orderId = await placedOrder(api, more);
  await untilSequenced(db, { orderId });
  return orderId;
}

test('orders are the same in history, journal and view', async () => {
  const orderId = await order();
  const progress: unknown[] = [];
  const report = await verified({ onProgress: (step) => progress.push(step) });
  expect(report).toMatchObject({ orders: 4, found: 0, discrepancies: [], withoutHistory: 0 });
  expect(report.events).toBe(await journal(orderLog, db).countDocuments());
  expect(report.head).toBe(report.events);
  expect(progress.at(-1)).toEqual({ what: 'orders', done: 4, total: 4 });
  expect(await verified({ orderId })).toMatchObject({ orders: 1, found: 0 });
  expect(await verified({ sample: 2 })).toMatchObject({ orders: 2, found: 0, head: report.head });
});

test('verify waits for orders under way', async () => {
  const { body } = await api.post('/v1/orders', { body: orderBody({ payment: { method: 'tok_slow' } }) });
  const report = await verified({ orderId: body.orderId, maxPauseMs: undefined });
  expect(report).toMatchObject({ orders: 1, found: 0 });
});

describe('verify finds', () => {
  let orderId: string;
  let kept: readonly JournalDocument[];
  let keptView: Awaited<ReturnType<typeof view>>;
  beforeEach(async () => {
    orderId = await order();
    kept = await journal(orderLog, db).find({ orderId }).toArray();
    keptView = await view();
  });
  // Repairs what a test has broken.
  afterEach(async () => {
    await journal(orderLog, db).deleteMany({ orderId });
    await journal(orderLog, db).insertMany([...kept]);
    await orders(db).deleteOne({ _id: orderId });
    if (keptView !== null) await orders(db).insertOne(keptView);
  });

  async function view() {
    return await orders(db).findOne({ _id: orderId });
  }

  async function alterEvent(version: number, change: UpdateFilter<JournalDocument>): Promise<void> {
    await journal(orderLog, db).updateOne({ _id: `${orderId}:${version}` }, change);
  }

  async function alterView(change: UpdateFilter<{ _id: string }>): Promise<void> {
    await db.collection<{ _id: string }>('orders').updateOne({ _id: orderId }, change);
  }

  test.each<[string, () => Promise<unknown>, object]>([
    [
      'an event whose data was altered',
      () => alterEvent(3, { $set: { 'data.amount': 1 } }),
      { version: 3, where: 'journal', kind: 'differs' },
    ],
    [
      'an event whose actor was altered',
      () => alterEvent(1, { $set: { actor: 'nobody' } }),
      { version: 1, where: 'journal', kind: 'differs' },
    ],
    [
      'an event that was put in place of another',
      () => alterEvent(2, { $set: { type: 'OrderClosed', data: {} } }),
      { version: 2, where: 'journal', kind: 'differs' },
    ],
    [
      'an event that lost a part that the fold needs',
      () => alterEvent(1, { $unset: { 'data.lines': '' } }),
      { version: 1, where: 'journal', kind: 'differs' },
    ],
    [
      'an event of an unknown type',
      () => alterEvent(2, { $set: { type: 'Nonsense' } }),
      { where: 'journal', kind: 'differs', detail: expect.stringContaining('Event 2 of') },
    ],
    [
      'an event of a newer version',
      () => alterEvent(2, { $set: { schemaVersion: 99 } }),
      { where: 'journal', kind: 'differs', detail: expect.stringContaining('@99') },
    ],
    [
      'an event that is missing',
      () => journal(orderLog, db).deleteOne({ _id: `${orderId}:2` }),
      { version: 2, where: 'journal', kind: 'behind' },
    ],
    [
      'an event that never happened',
      async () => {
        const last = kept.at(-1);
        if (last === undefined) throw new Error('There is no event.');
        const { position: _, ...event } = { ...last, _id: `${orderId}:${kept.length + 1}` };
        await journal(orderLog, db).insertOne({ ...event, version: kept.length + 1 });
      },
      { where: 'journal', kind: 'differs', detail: expect.stringContaining('the history has no such') },
    ],
    [
      'a view that was altered',
      () => alterView({ $set: { total: 1 } }),
      { where: 'view', kind: 'differs', detail: expect.stringContaining('total') },
    ],
    [
      'a view whose fold was altered',
      () => alterView({ $set: { 'state.currency': 'XXX' } }),
      { where: 'view', kind: 'differs', detail: expect.stringContaining('state') },
    ],
    ['a view that lags', () => alterView({ $set: { version: 2 } }), { where: 'view', kind: 'behind' }],
    [
      'a view that is ahead',
      () => alterView({ $set: { version: 99 } }),
      { version: 99, where: 'view', kind: 'differs' },
    ],
    [
      'a view that is missing',
      () => orders(db).deleteOne({ _id: orderId }),
      { where: 'view', kind: 'behind' },
    ],
  ])('%s', async (_, alter, expected) => {
    await alter();
    const { found, discrepancies } = await verified({ orderId });
    expect(found).toBeGreaterThan(0);
    expect(discrepancies).toContainEqual(expect.objectContaining({ orderId, ...expected }));
  });

  test('positions that do not follow versions', async () => {
    const [first, second] = kept;
    if (first?.position === undefined || second?.position === undefined) throw new Error('There are none.');
    await alterEvent(1, { $unset: { position: '' } });
    await alterEvent(2, { $set: { position: first.position } });
    await alterEvent(1, { $set: { position: second.position } });
    const { discrepancies } = await verified({ orderId });
    expect(discrepancies).toEqual([
      expect.objectContaining({ orderId, version: 2, where: 'positions', kind: 'differs' }),
    ]);
  });

  test.each([{}, { sample: 100 }, { orderId: true }])(
    'an event that has waited long for its position: %j',
    async (options) => {
      const version = kept.length;
      const recordedAt = new Date(Date.now() - 60_000).toISOString();
      await alterEvent(version, { $set: { recordedAt }, $unset: { position: '' } });
      const { discrepancies } = await verified('orderId' in options ? { orderId } : options);
      expect(discrepancies).toContainEqual(
        expect.objectContaining({ orderId, version, where: 'positions', kind: 'behind' }),
      );
    },
  );

  test('no fault in an event that was recorded a moment ago', async () => {
    const recordedAt = new Date(Date.now() + 60_000).toISOString();
    await alterEvent(kept.length, { $set: { recordedAt }, $unset: { position: '' } });
    expect(await verified({ orderId })).toMatchObject({ found: 0 });
  });

  /**
   * The head, once the sequencer has saved it as its checkpoint, which it then no longer writes.
   */
  async function notedHead(): Promise<number> {
    const head = await feedHead(orderLog, db);
    await until(async () => expect((await feedState(db).findOne())?.position).toBe(head));
    return head;
  }

  /** Runs `work` while the sequencer is stopped, because it would react to the changes. */
  async function withoutSequencer<T>(work: () => Promise<T>): Promise<T> {
    await stopSequencing();
    try {
      return await work();
    } finally {
      stopSequencing = startSequencing(db);
    }
  }

  test('a gap in the positions, and a position after the head', async () => {
    const head = await notedHead();
    const position = kept[2]?.position ?? 0;
    const reports = await withoutSequencer(async () => {
      await alterEvent(3, { $set: { position: head + 1_000 } });
      const found = [await verified(), await verified({ sample: 1 })];
      await alterEvent(3, { $set: { position } });
      return found;
    });
    for (const { discrepancies } of reports) {
      expect(discrepancies).toContainEqual({
        where: 'positions',
        kind: 'differs',
        detail: `no event has ${position}`,
        remedy: expect.stringContaining('backup'),
      });
      expect(discrepancies).toContainEqual(
        expect.objectContaining({ where: 'positions', orderId, version: 3 }),
      );
    }
  });

  test('a head that no event has', async () => {
    const head = await notedHead();
    const { discrepancies } = await withoutSequencer(async () => {
      await feedState(db).updateOne({ _id: 'feed' }, { $set: { position: head + 2 } });
      const found = await verified({ sample: 1 });
      await feedState(db).updateOne({ _id: 'feed' }, { $set: { position: head } });
      return found;
    });
    expect(discrepancies).toEqual([
      {
        where: 'positions',
        kind: 'differs',
        detail: `no event has ${head + 1} to ${head + 2}`,
        remedy: expect.stringContaining('backup'),
      },
    ]);
  });

  test('an order that the journal lacks, once', async () => {
    await journal(orderLog, db).deleteMany({ orderId });
    const { discrepancies } = await verified();
    const places = discrepancies.filter((one) => one.orderId === orderId).map(({ where }) => where);
    expect(places).toContain('journal');
    expect(new Set(places).size).toBe(places.length);
  });

  test('an order that the journal and the views lack', async () => {
    await journal(orderLog, db).deleteMany({ orderId });
    await orders(db).deleteOne({ _id: orderId });
    const { discrepancies } = await verified();
    expect(discrepancies).toContainEqual(
      expect.objectContaining({ orderId, version: 1, where: 'journal', kind: 'behind' }),
    );
  });

  test('an open order whose history is gone', async () => {
    const lost = await order();
    await terminateWhenRecorded(api, lost);
    await deleteHistory(api.client, lost);
    const { discrepancies, withoutHistory } = await verified({ orderId: lost });
    const [moved] = await movements(db).find({ orderId: lost }).toArray();
    await stock(db).deleteOne({ _id: moved?.lines[0]?.sku ?? '' });
    await movements(db).deleteMany({ orderId: lost });
    await sandboxLedger(db).deleteMany({ orderId: lost });
    await journal(orderLog, db).deleteMany({ orderId: lost });
    await orders(db).deleteOne({ _id: lost });
    expect(withoutHistory).toBe(1);
    expect(discrepancies).toEqual([
      expect.objectContaining({ orderId: lost, where: 'workflow', kind: 'stopped' }),
    ]);
  });
});

describe('verify compares the outside with the log and finds', () => {
  /** A shipped and paid order: with a reservation, a deduction, an authorization and a capture. */
  async function shipped(): Promise<string> {
    const orderId = await order();
    const { body } = await api.post(`/v1/orders/${orderId}/shipments`, { headers: whenAtRest });
    const dispatch = { carrier: 'DHL', trackingNumber: '1' };
    const path = `/v1/orders/${orderId}/shipments/${body.shipmentId}/dispatch`;
    const headers = { ...whenAtRest, 'idempotency-key': 'dispatch' };
    // Repeats the request if a busy machine answers late.
    await until(async () => expect((await api.post(path, { body: dispatch, headers })).status).toBe(200));
    return orderId;
  }

  let orderId: string;
  beforeAll(async () => {
    orderId = await shipped();
    expect(await verified({ orderId })).toMatchObject({ found: 0 });
  });

  type Altered = { readonly _id: string };
  /** Changes a document whose key contains this text, runs the check, and restores the document. */
  async function altered(
    collection: Collection<Altered>,
    type: string,
    alter: (_id: string) => Promise<unknown>,
    check: (key: string) => Promise<unknown>,
  ): Promise<void> {
    const before = await collection.findOne({ _id: { $regex: `^${orderId}:${type}:` } });
    if (before === null) throw new Error(`There is no ${type}.`);
    const { _id: key } = before;
    await alter(key);
    try {
      await check(key);
    } finally {
      await collection.replaceOne({ _id: key }, before, { upsert: true });
    }
  }

  test.each<
    [string, 'stock' | 'payments', string, (collection: Collection<Altered>, _id: string) => unknown]
  >([
    ['a movement that is missing', 'stock', 'deduct', (all, _id) => all.deleteOne({ _id })],
    [
      'a movement of another number',
      'stock',
      'reserve',
      (all, _id) => all.updateOne({ _id }, { $set: { 'lines.0.quantity': 9 } }),
    ],
    ['an entry of the ledger that is missing', 'payments', 'capture', (all, _id) => all.deleteOne({ _id })],
    [
      'an entry of another amount',
      'payments',
      'authorize',
      (all, _id) => all.updateOne({ _id }, { $set: { amount: 1 } }),
    ],
    [
      'an entry with another answer',
      'payments',
      'capture',
      (all, _id) => all.updateOne({ _id }, { $set: { 'capture.id': 'cap_other' } }),
    ],
    [
      'a call that was never answered',
      'payments',
      'capture',
      (all, _id) => all.updateOne({ _id }, { $unset: { outcome: '' } }),
    ],
  ])('%s', async (_, where, type, alter) => {
    const ledger = sandboxDatabase(db).collection<Altered>('sandbox_payments');
    const collection = where === 'stock' ? db.collection<Altered>('stock_movements') : ledger;
    await altered(
      collection,
      type,
      async (_id) => await alter(collection, _id),
      async (key) => {
        const { discrepancies } = await verified({ orderId });
        expect(discrepancies).toContainEqual(
          expect.objectContaining({ orderId, where, key, kind: 'differs', remedy: expect.any(String) }),
        );
      },
    );
    expect(await verified({ orderId })).toMatchObject({ found: 0 });
  });

  test.each([
    ['an existing order', () => orderId],
    ['an unknown order', () => randomUUID()],
  ])('an effect that the log never asked for, of %s', async (_, idOf) => {
    const of = idOf();
    const [goods, money] = [`${of}:release:99`, `${of}:capture:99`];
    const all = db.collection<Altered>('stock_movements');
    const ledger = sandboxDatabase(db).collection<Altered>('sandbox_payments');
    const extra = { _id: goods, orderId: of, type: 'release', lines: [], outcome: done };
    const charged = { _id: money, orderId: of, type: 'capture', amount: 5, calls: 1 };
    await Promise.all([all.insertOne(extra), ledger.insertOne(charged)]);
    const { discrepancies } = await verified();
    await Promise.all([all.deleteOne({ _id: goods }), ledger.deleteOne({ _id: money })]);
    const outside = discrepancies.filter(({ where }) => where === 'stock' || where === 'payments');
    expect(outside).toEqual([
      expect.objectContaining({ orderId: of, where: 'stock', key: goods }),
      expect.objectContaining({ orderId: of, where: 'payments', key: money }),
    ]);
  });

  test('stock of a SKU that differs from what orders hold', async () => {
    const one = await db.collection<Altered>('stock').findOne({});
    if (one === null) throw new Error('There is no stock.');
    const { _id: key } = one;
    await db.collection<Altered>('stock').updateOne({ _id: key }, { $inc: { reserved: 3 } });
    const { discrepancies } = await verified({ sample: 1 });
    await db.collection<Altered>('stock').replaceOne({ _id: key }, one);
    expect(discrepancies.filter(({ where }) => where === 'stock')).toEqual([
      expect.objectContaining({ where: 'stock', key, kind: 'differs', remedy: expect.any(String) }),
    ]);
  });

  test('no fault in orders under way, however often it runs', async () => {
    const placed = (async () => {
      for (let round = 0; round < 4; round += 1) {
        await Promise.all([shipped(), shipped(), order({ payment: { method: 'tok_flaky' } })]);
      }
      return true;
    })();
    do {
      const { discrepancies } = await verified();
      expect(discrepancies.filter(({ where }) => where === 'stock' || where === 'payments')).toEqual([]);
    } while (!(await Promise.race([placed, Promise.resolve(false)])));
    await placed;
  });
});

test('a finished order needs no history, but its whole journal', async () => {
  const orderId = await order({ payment: { method: 'tok_declined' } });
  await deleteHistory(api.client, orderId);
  const withoutHistory = await verified({ orderId });
  expect(withoutHistory).toMatchObject({ orders: 1, withoutHistory: 1, found: 0 });
  expect(withoutHistory).not.toHaveProperty('isUnknown');
  await journal(orderLog, db).deleteOne({ _id: `${orderId}:2` });
  const { discrepancies } = await verified({ orderId });
  expect(discrepancies).toContainEqual(
    expect.objectContaining({ orderId, version: 2, where: 'journal', kind: 'differs' }),
  );
});

test('a history without its earlier runs is enough if the journal has what they had', async () => {
  const other = await startTestApi({ CONTINUE_AS_NEW_AFTER: '25' });
  let stop = async (): Promise<void> => undefined;
  try {
    await other.startWorker();
    stop = startSequencing(other.mongo.db);
    const orderId = await placedOrder(other);
    const [firstRun = ''] = await continuedAsNew(other, orderId, 2);
    await deleteHistory(other.client, orderId, firstRun);
    const these = { client: other.client, db: other.mongo.db, taskQueue: other.config.temporal.taskQueue };
    await until(async () =>
      expect(await verifyOrders(these, { orderId })).toMatchObject({
        orders: 1,
        found: 0,
        withoutHistory: 0,
      }),
    );
    await journal(orderLog, other.mongo.db).deleteOne({ _id: `${orderId}:1` });
    const { discrepancies } = await verifyOrders(these, { orderId });
    expect(discrepancies).toContainEqual(
      expect.objectContaining({ orderId, version: 1, where: 'journal', kind: 'differs' }),
    );
  } finally {
    await stop();
    await other.close();
  }
});

test('a workflow that cannot be asked is not taken as proved', async () => {
  const other = await startTestApi();
  let stop = async (): Promise<void> => undefined;
  try {
    const worker = await other.startWorker();
    stop = startSequencing(other.mongo.db);
    const orderId = await placedOrder(other);
    await worker.stop();
    const these = { client: other.client, db: other.mongo.db, taskQueue: other.config.temporal.taskQueue };
    const { discrepancies } = await verifyOrders(these, { orderId });
    expect(discrepancies).toEqual([
      expect.objectContaining({ orderId, where: 'workflow', kind: 'unanswered' }),
    ]);
  } finally {
    await stop();
    await other.close();
  }
});

describe('a history larger than one message', () => {
  const note = '\u6f22'.repeat(2_000);

  async function largeOrder(notes: number): Promise<string> {
    const orderId = await placedOrder(api);
    for (let sent = 0; sent < notes; sent += 10) {
      const replies = await Promise.all(
        Array.from({ length: 10 }, () => api.post(`/v1/orders/${orderId}/notes`, { body: { text: note } })),
      );
      expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    }
    await untilSequenced(db, { orderId });
    return orderId;
  }

  /** Verifies with a client that accepts messages of at most this many bytes. */
  async function withMessagesOf(bytes: number, options: VerifyOptions) {
    const connection = connectTemporal(api.config, bytes);
    const client = new Client({ connection });
    try {
      return await verifyOrders({ client, db, taskQueue: api.config.temporal.taskQueue }, options);
    } finally {
      await connection.close();
    }
  }

  test('is read in pages and verified like any other, and the API returns its log', async () => {
    const orderId = await largeOrder(30);
    // Smaller than one page of its history, and larger than its state and each of its events.
    await until(async () => expect((await withMessagesOf(250_000, { orderId })).discrepancies).toEqual([]));
    const read = (source: string) => api.get(`/v1/orders/${orderId}/events?source=${source}&limit=1000`);
    const history = await read('history');
    expect(history).toMatchObject({ status: 200 });
    expect(history.body.data).toHaveLength((await read('journal')).body.data.length);
  });

  test('does not keep other orders from being verified if an event fits in no message', async () => {
    const orderId = await largeOrder(10);
    const report = await withMessagesOf(8_000, { sample: await orders(db).countDocuments() });
    expect(report.orders).toBeGreaterThan(3);
    const found = report.discrepancies.filter((one) => one.orderId === orderId);
    expect(found).toEqual([
      expect.objectContaining({ where: 'history', detail: expect.stringMatching(/too large to be read/) }),
    ]);
    const different = new Set(report.discrepancies.map((one) => one.orderId));
    expect(different.size).toBeLessThan(report.orders);
  });
});

test('an order that no store knows is reported as unknown', async () => {
  const unknown = await verified({ orderId: randomUUID() });
  expect(unknown).toMatchObject({ events: 0, found: 0, isUnknown: true });
});
