import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { pino } from 'pino';
import { PartitionProgress } from '../../../../src/api/commands/kafka/partition-progress.js';
import {
  noteRefused,
  noteWritten,
  refusalRows,
  refusalsFrom,
} from '../../../../src/api/commands/kafka/refusal-rows.js';
import { createRunUntilDone, type RunDeps } from '../../../../src/api/commands/kafka/run-until-done.js';
import {
  committedBefore,
  noteLost,
  notePartition,
  noteConsumingFailed,
  noteConsumingWorks,
} from '../../../../src/api/commands/kafka/store-progress.js';
import { commandsConcern } from '../../../../src/kafka/commands-status.js';
import type { CommittedRecord } from '../../../../src/kafka/committed-records.js';
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
  for (const offset of [9n, 10n, 100n]) await noteRefused(db, of, offset, `problem ${offset}`);
  await noteRefused(db, of, 9n, 'another problem');
  await noteRefused(db, { ...of, partition: 10 }, 10n, 'of another partition');
  await noteRefused(db, { ...of, topicId: randomUUID() }, 10n, 'of another topic');
  await noteWritten(db, of, 100n);
  const all = await refusalsFrom(db, of, 0n);
  expect([...all]).toEqual([
    [9n, { problem: 'problem 9' }],
    [10n, { problem: 'problem 10' }],
    [100n, 'written'],
  ]);
  await notePartition(db, 'a.commands', of, new PartitionProgress(1, 10n), 120n);
  expect([...(await refusalsFrom(db, of, 0n)).keys()]).toEqual([10n, 100n]);
  expect(await refusalRows(db).countDocuments()).toBe(4);
  expect(await committedBefore(db, of)).toBe(10n);
  expect(await committedBefore(db, { ...of, partition: 2 })).toBeUndefined();
});

test('the problems of refused records leave the memory while an earlier record waits', async () => {
  const topicId = randomUUID();
  const written: bigint[] = [];
  const deps = {
    db,
    logger: pino({ level: 'silent' }),
    membership: { isHeld: true },
    refusals: { write: async ({ offset }: CommittedRecord) => void written.push(offset) },
  };
  const signal = new AbortController().signal;
  // The records are refused because they have no key, so no gateway is asked.
  const run = createRunUntilDone(
    { ...deps, gateway: {} as RunDeps['gateway'] },
    { topic: 't', topicId },
    signal,
  );
  const progress = new PartitionProgress(0, 0n);
  progress.begin(0n);
  for (const offset of [1n, 2n, 3n]) {
    progress.begin(offset);
    const record = { partition: 0, offset, key: undefined, value: undefined, headers: new Map() };
    expect(await run(record, progress)).toBe(true);
    progress.end(offset);
  }
  expect(written).toEqual([1n, 2n, 3n]);
  expect([progress.done, progress.refused.size]).toEqual([0n, 0]);
  expect([...(await refusalsFrom(db, { topicId, partition: 0 }, 0n)).values()]).toEqual([
    'written',
    'written',
    'written',
  ]);
});

test('readiness says why no commands are read', async () => {
  const topic = 'b.commands';
  const of = { topicId: randomUUID(), partition: 0 };
  expect(await commandsConcern(db, topic)).toBeUndefined();
  await noteConsumingFailed(db, topic, 'no broker');
  expect(await commandsConcern(db, topic)).toContain('no broker');
  await noteConsumingWorks(db, topic);

  const progress = new PartitionProgress(0, 0n);
  progress.begin(0n);
  progress.wait(0n, 'no answer');
  await notePartition(db, topic, of, progress, 1n);
  // The command has not waited long enough to be reported.
  expect(await commandsConcern(db, topic)).toBeUndefined();
  const since = new Date(Date.now() - 60_000).toISOString();
  await db.collection('kafka_command_partitions').updateOne({ topic }, { $set: { 'waiting.since': since } });
  expect(await commandsConcern(db, topic)).toBe(`the command ${topic}:0:0 waits since ${since}: no answer`);

  progress.failure = 'no leader';
  await notePartition(db, topic, of, progress, 1n);
  expect(await commandsConcern(db, topic)).toContain('no leader');
  await noteLost(db, topic, of);
  expect(await commandsConcern(db, topic)).toContain('deleted before they were read');
});
