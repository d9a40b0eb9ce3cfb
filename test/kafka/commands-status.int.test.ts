import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { PartitionProgress } from '../../src/api/commands/kafka/partition-progress.js';
import {
  clearConsumingFailure,
  markRecordsLost,
  storeConsumingFailure,
  storePartition,
} from '../../src/api/commands/kafka/store-progress.js';
import { commandsConcern } from '../../src/kafka/commands-status.js';
import { type Database, openDatabase } from '../support/database.js';

let database: Database;
let db: Db;
beforeAll(async () => {
  database = await openDatabase();
  ({ db } = database);
});
afterAll(async () => await database?.close());

test('readiness says why no commands are read', async () => {
  const topic = 'b.commands';
  const of = { topicId: randomUUID(), partition: 0 };
  expect(await commandsConcern(db, topic)).toBeUndefined();
  await storeConsumingFailure(db, topic, 'no broker');
  expect(await commandsConcern(db, topic)).toMatch(
    /^taking commands from b\.commands has failed since .*: no broker$/,
  );
  await clearConsumingFailure(db, topic);

  const progress = new PartitionProgress(0, 0n);
  progress.begin(0n);
  progress.markWaiting(0n, 'no answer');
  await storePartition(db, topic, of, progress, 1n);
  // It has not waited long enough yet.
  expect(await commandsConcern(db, topic)).toBeUndefined();
  const since = new Date(Date.now() - 60_000).toISOString();
  await db.collection('kafka_command_partitions').updateOne({ topic }, { $set: { 'waiting.since': since } });
  expect(await commandsConcern(db, topic)).toBe(
    `the command ${topic}:0:0 has waited since ${since}: no answer`,
  );

  progress.failure = 'no leader';
  await storePartition(db, topic, of, progress, 1n);
  expect(await commandsConcern(db, topic)).toContain('no leader');
  await markRecordsLost(db, topic, of);
  expect(await commandsConcern(db, topic)).toContain('deleted before they were read');
});
