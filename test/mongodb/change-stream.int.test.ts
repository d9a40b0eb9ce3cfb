import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openChangeStream } from '../../src/mongodb/change-stream.js';
import { type Database, openDatabase } from '../support/database.js';

const waitMs = 30_000;
/** This is longer than any test. */
const paceMs = 3_600_000;

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

test('a pace delays the next changes, but not the first', async () => {
  const { db } = database;
  const pipeline = [{ $project: { of: '$documentKey._id' } }];
  const stream = await openChangeStream<{ of: number }>(db, { collection: 'paced', pipeline, paceMs });
  try {
    await db.collection<{ _id: number }>('paced').insertOne({ _id: 1 });
    expect((await stream.next(waitMs)).changes.map(({ of }) => of)).toStrictEqual([1]);
    await db.collection<{ _id: number }>('paced').insertOne({ _id: 2 });
    const stopping = new AbortController();
    const next = stream.next(waitMs, stopping.signal);
    stopping.abort();
    expect((await next).changes).toStrictEqual([]);
  } finally {
    await stream.close();
  }
});

test('without a pace, each change is read as soon as the reader asks', async () => {
  const { db } = database;
  const pipeline = [{ $project: { of: '$documentKey._id' } }];
  const stream = await openChangeStream<{ of: number }>(db, { collection: 'unpaced', pipeline });
  try {
    for (const id of [1, 2]) {
      await db.collection<{ _id: number }>('unpaced').insertOne({ _id: id });
      expect((await stream.next(waitMs)).changes.map(({ of }) => of)).toStrictEqual([id]);
    }
  } finally {
    await stream.close();
  }
});
