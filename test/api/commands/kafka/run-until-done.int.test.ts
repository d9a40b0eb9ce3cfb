import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { pino } from 'pino';
import { PartitionProgress } from '../../../../src/api/commands/kafka/partition-progress.js';
import { refusalsFrom } from '../../../../src/api/commands/kafka/refusal-rows.js';
import { createRunUntilDone, type RunDeps } from '../../../../src/api/commands/kafka/run-until-done.js';
import type { CommittedRecord } from '../../../../src/kafka/committed-records.js';
import { type Database, openDatabase } from '../../../support/database.js';

let database: Database;
let db: Db;
beforeAll(async () => {
  database = await openDatabase();
  ({ db } = database);
});
afterAll(async () => await database?.close());

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
