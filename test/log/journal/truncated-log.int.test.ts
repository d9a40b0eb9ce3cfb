import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { holdsTruncatedLog, restoreLog, truncationPoints } from '../../../src/log/journal/truncated-log.js';
import { orderLog } from '../../../src/order-log.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';

const database = await openDatabase();
const { db } = database;
await ensureJournalIndexes(orderLog, db);
afterAll(() => database.close());

test('a log that has lost events more than once begins after the last lost one', async () => {
  const orderId = randomUUID();
  const log = logOf(states.refunded, orderId);
  await appendToJournal(orderLog, db, log);
  const lose = (...lost: readonly number[]) =>
    journal(orderLog, db).deleteMany({ orderId, version: { $in: lost } });
  const begins = async () => (await truncationPoints(orderLog, db, [orderId])).get(orderId);
  await restoreLog(orderLog, db, log.slice(2));
  expect(await begins()).toBeUndefined();
  await lose(1, 2);
  await restoreLog(orderLog, db, log.slice(2));
  expect(await begins()).toBe(3);
  await lose(4, 5);
  expect(await holdsTruncatedLog(orderLog, db, orderId, log.length)).toBe(false);
  // The remaining history begins after the events that the journal still has.
  await restoreLog(orderLog, db, log.slice(7));
  expect(await begins()).toBe(6);
  expect(await holdsTruncatedLog(orderLog, db, orderId, log.length)).toBe(true);
});
