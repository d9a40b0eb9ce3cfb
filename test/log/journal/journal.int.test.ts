import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes } from '../../../src/log/journal/journal.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { orderLog } from '../../../src/order-log.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';

const database = await openDatabase();
const { db } = database;
await ensureJournalIndexes(orderLog, db);
afterAll(() => database.close());

async function journaled() {
  const orderId = randomUUID();
  const log = logOf(states.refunded, orderId);
  await appendToJournal(orderLog, db, log.toReversed());
  return { orderId, log };
}

function versions(events: readonly { readonly version: number }[]): readonly number[] {
  return events.map(({ version }) => version);
}

test('an order is read in the order of its versions, from any version, up to a limit', async () => {
  const { orderId, log } = await journaled();
  expect(versions(await readJournal(orderLog, db, orderId))).toStrictEqual(versions(log));
  expect(versions(await readJournal(orderLog, db, orderId, { from: 3, limit: 2 }))).toStrictEqual([3, 4]);
  expect(await readJournal(orderLog, db, orderId, { from: log.length + 1 })).toStrictEqual([]);
  expect(await readJournal(orderLog, db, randomUUID())).toStrictEqual([]);
});

test('each event is returned with the time at which it was first recorded', async () => {
  const { orderId, log } = await journaled();
  const before = await readJournal(orderLog, db, orderId);
  await appendToJournal(orderLog, db, log);
  expect(await readJournal(orderLog, db, orderId)).toStrictEqual(before);
  expect(before.map(({ recordedAt }) => new Date(recordedAt).toISOString())).toStrictEqual(
    before.map(({ recordedAt }) => recordedAt),
  );
});

test('reads are served by indexes', async () => {
  const journal = db.collection('order_events');
  const queries = [
    journal.find({ orderId: 'o', version: { $gte: 2 } }).sort({ version: 1 }),
    journal.find({ orderId: 'o', commandId: 'c' }),
  ];
  for (const query of queries) {
    const { queryPlanner } = await query.explain('queryPlanner');
    expect(JSON.stringify(queryPlanner.winningPlan)).toContain('IXSCAN');
    expect(JSON.stringify(queryPlanner.winningPlan)).not.toContain('"SORT"');
  }
});
