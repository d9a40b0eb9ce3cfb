/* Stores the offsets of taken commands, for operators, and in case Kafka forgets them. */
import type { Db } from 'mongodb';
import { failureRows, isRecent, partitionRows } from '../../../kafka/command-rows.js';
import { durable } from '../../../mongodb/durability.js';
import type { PartitionProgress } from './partition-progress.js';
import { forgetRefusals, type PartitionId } from './refusal-rows.js';

/** Stores the progress in a partition. @param end the offset after its last record */
export async function storePartition(
  db: Db,
  topic: string,
  id: PartitionId,
  progress: PartitionProgress,
  end: bigint,
): Promise<void> {
  const { committed, done, unreadable, failure = unreadable ?? null, longestWaiting: longest } = progress;
  const $set = {
    topic,
    committed: String(committed),
    lag: Number(end - done),
    waiting: longest
      ? { record: `${topic}:${id.partition}:${longest.offset}`, since: longest.since, why: longest.why }
      : null,
    failure,
    seenAt: new Date(),
  };
  await partitionRows(db).updateOne({ _id: rowOf(id) }, { $set }, { upsert: true, ...durable });
  // Refusals are deleted last, when the row above has the committed offset. So even if Kafka
  // forgets its offset, no record before the committed offset is read again.
  await forgetRefusals(db, id, committed);
}

/** The offset that was last committed, as `storePartition` has stored it. */
export async function committedBefore(db: Db, id: PartitionId): Promise<bigint | undefined> {
  const row = await partitionRows(db).findOne({ _id: rowOf(id) });
  return row?.committed === undefined ? undefined : BigInt(row.committed);
}

/** @param failure why the partition cannot be read */
export async function storePartitionFailure(
  db: Db,
  topic: string,
  id: PartitionId,
  failure: string,
): Promise<void> {
  const $set = { topic, failure, waiting: null, seenAt: new Date() };
  await partitionRows(db).updateOne({ _id: rowOf(id) }, { $set }, { upsert: true });
}

export async function markRecordsLost(db: Db, topic: string, id: PartitionId): Promise<void> {
  await partitionRows(db).updateOne(
    { _id: rowOf(id) },
    { $set: { topic, lostAt: new Date() } },
    { upsert: true },
  );
}

export async function storeConsumingFailure(db: Db, topic: string, failure: string): Promise<void> {
  const failedAt = new Date();
  const row = await failureRows(db).findOne({ _id: topic });
  const failingSince = row && isRecent(row.failedAt) ? row.failingSince : failedAt;
  await failureRows(db).replaceOne({ _id: topic }, { failure, failingSince, failedAt }, { upsert: true });
}

export async function clearConsumingFailure(db: Db, topic: string): Promise<void> {
  await failureRows(db).deleteOne({ _id: topic });
}

function rowOf({ topicId, partition }: PartitionId): string {
  return `${topicId}:${partition}`;
}
