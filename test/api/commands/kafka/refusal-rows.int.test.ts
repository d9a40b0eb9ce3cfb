import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { PartitionProgress } from '../../../../src/api/commands/kafka/partition-progress.js';
import {
  storeRefusal,
  markWritten,
  refusalRows,
  refusalsFrom,
} from '../../../../src/api/commands/kafka/refusal-rows.js';
import { committedBefore, storePartition } from '../../../../src/api/commands/kafka/store-progress.js';
import { type Database, openDatabase } from '../../../support/database.js';

let database: Database;
let db: Db;
beforeAll(async () => {
  database = await openDatabase();
  ({ db } = database);
});
afterAll(async () => await database?.close());

test('refusals are kept for a partition from an offset on, until that offset is committed', async () => {
  const of = { topicId: randomUUID(), partition: 1 };
  for (const offset of [9n, 10n, 100n]) await storeRefusal(db, of, offset, `problem ${offset}`);
  await storeRefusal(db, of, 9n, 'another problem');
  await storeRefusal(db, { ...of, partition: 10 }, 10n, 'of another partition');
  await storeRefusal(db, { ...of, topicId: randomUUID() }, 10n, 'of another topic');
  await markWritten(db, of, 100n);
  const all = await refusalsFrom(db, of, 0n);
  expect([...all]).toEqual([
    [9n, { problem: 'problem 9' }],
    [10n, { problem: 'problem 10' }],
    [100n, 'written'],
  ]);
  await storePartition(db, 'a.commands', of, new PartitionProgress(1, 10n), 120n);
  expect([...(await refusalsFrom(db, of, 0n)).keys()]).toEqual([10n, 100n]);
  expect(await refusalRows(db).countDocuments()).toBe(4);
  expect(await committedBefore(db, of)).toBe(10n);
  expect(await committedBefore(db, { ...of, partition: 2 })).toBeUndefined();
});
