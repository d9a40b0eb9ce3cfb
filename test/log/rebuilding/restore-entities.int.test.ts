import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { stockOutside } from '../../../src/effects/inventory/stock-restore.js';
import { forks } from '../../../src/log/journal/fork.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { createRecorder, record } from '../../../src/log/recording/recording.js';
import { restoreEntities } from '../../../src/log/rebuilding/restore-entities.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { orders, toDocument } from '../../../src/views/orders.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';
import { keptOrder, orderOf } from '../views/support.js';

const database = await openDatabase();
const { db } = database;
beforeAll(() => ensureJournalIndexes(orderLog, db));
afterAll(() => database.close());

function newLog(): readonly [OrderEvent, ...OrderEvent[]] {
  return logOf(states.refunded, randomUUID());
}

async function restored(into: Db, ...logs: (readonly OrderEvent[])[]): Promise<readonly string[]> {
  return await restoreEntities(
    orderLog,
    { db: into, outside: stockOutside },
    logs.map((log) => keptOrder(log)),
    () => undefined,
  );
}

/** A database that runs `act` before the next insert of many documents into a collection. */
function meanwhile(collection: 'order_events' | 'orders', act: () => Promise<unknown>): Db {
  const acting = (name: string) => {
    const real = db.collection(name);
    const insertMany = real.insertMany.bind(real);
    if (name === collection)
      real.insertMany = async (...args: Parameters<typeof insertMany>) => {
        await act();
        return await insertMany(...args);
      };
    return real;
  };
  return Object.create(db, { collection: { value: acting } });
}

async function expectWhole(log: readonly [OrderEvent, ...OrderEvent[]]): Promise<void> {
  const [{ orderId }] = log;
  const recorded = await readJournal(orderLog, db, orderId);
  expect(recorded).toEqual(log.map((event) => expect.objectContaining(event)));
  const view = await orders(db).findOne({ _id: orderId }, { projection: { recorder: 0 } });
  expect(view).toStrictEqual(toDocument(orderOf(log)));
}

test('orders are restored, whether the journal has nothing of them, a part or all', async () => {
  const [none, part, late, all] = [newLog(), newLog(), newLog(), newLog()];
  await record(orderLog, db, part.slice(0, 3));
  await record(orderLog, db, late.slice(3));
  await record(orderLog, db, all);
  expect(await restored(db, none, part, late, all)).toEqual([]);
  for (const log of [none, part, late, all]) await expectWhole(log);
});

test('a view without a journal is brought up to the history', async () => {
  const log = newLog();
  await orders(db).insertOne(toDocument(orderOf(log.slice(0, 4))));
  expect(await restored(db, log, newLog())).toEqual([]);
  await expectWhole(log);
});

test('events recorded before the journal is restored are in the view', async () => {
  const [log, other] = [newLog(), newLog()];
  const last = log.length - 1;
  const act = () => record(orderLog, db, log.slice(last));
  expect(await restored(meanwhile('order_events', act), log.slice(0, last), other)).toEqual([]);
  await expectWhole(log);
  await expectWhole(other);
});

test('events recorded early, before the journal is restored, are in the view in the end', async () => {
  const log = newLog();
  const read = log.length - 2;
  const remembering = createRecorder(orderLog, db);
  await remembering.record(log.slice(0, read));
  await Promise.all([journal(orderLog, db).deleteMany({}), orders(db).deleteMany({})]);
  const act = () => record(orderLog, db, log.slice(read + 1));
  expect(await restored(meanwhile('order_events', act), log.slice(0, read))).toEqual([]);
  await remembering.record(log.slice(read, read + 1));
  await expectWhole(log);
});

test('events recorded before the view is restored are in the view', async () => {
  const log = newLog();
  const last = log.length - 1;
  const act = () => record(orderLog, db, log.slice(last));
  expect(await restored(meanwhile('orders', act), log.slice(0, last))).toEqual([]);
  await expectWhole(log);
});

test('events that an order records meanwhile are the same events', async () => {
  const [log, other] = [newLog(), newLog()];
  const act = () => record(orderLog, db, log.slice(0, 3));
  expect(await restored(meanwhile('order_events', act), other, log)).toEqual([]);
  await expectWhole(log);
  await expectWhole(other);
});

test('a different event under the same version is a fork, and other orders are restored', async () => {
  const [before, log, after] = [newLog(), newLog(), newLog()];
  const [{ orderId }, second] = log;
  if (second === undefined) throw new Error('Too short a log.');
  const act = () => record(orderLog, db, [{ ...second, actor: 'somebody else' }]);
  expect(await restored(meanwhile('order_events', act), before, log, after)).toEqual([orderId]);
  expect(await forks(orderLog, db).findOne({ _id: orderId })).toMatchObject({ version: 2 });
  expect(
    (await readJournal(orderLog, db, orderId)).map(({ version, actor }) => ({ version, actor })),
  ).toEqual([
    { version: 1, actor: log[0].actor },
    { version: 2, actor: 'somebody else' },
  ]);
  await expectWhole(before);
  await expectWhole(after);
});
