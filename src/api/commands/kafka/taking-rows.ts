import type { Db } from 'mongodb';
import { answering, durable } from '../../../mongodb/durability.js';
import type { PartitionProgress } from './partition-progress.js';
import { forgetRefusals, type PartitionId } from './refusal-rows.js';

/** How far the commands of a partition are taken, for people. The process that has it writes it. */
interface PartitionRow {
  /** `<topic id>:<partition>` */
  readonly _id: string;
  readonly topic: string;
  /** the last one that was committed; for when Kafka forgets that of an idle group */
  readonly committed?: string;
  /** records after the last one that is done */
  readonly lag?: number;
  /** the record that waits for the longest time; times are ISO-8601 UTC */
  readonly waiting?: { readonly record: string; readonly since: string; readonly why: string } | null;
  /** why it cannot be read */
  readonly failure?: string | null;
  readonly seenAt?: Date;
  /** when records were gone before they were read */
  readonly lostAt?: Date;
}

/** Why no process, or one of them, takes commands. */
interface FailureRow {
  /** the topic */
  readonly _id: string;
  readonly failure: string;
  readonly failingSince: Date;
  readonly failedAt: Date;
}

const partitionRows = (db: Db) => db.collection<PartitionRow>('kafka_command_partitions');
const failureRows = (db: Db) => db.collection<FailureRow>('kafka_command_failures');

/** What is older tells nothing about now. */
const SEEN_WITHIN_MS = 60_000;
/** A command may wait for so long before people are told. */
const WAITS_LONG_MS = 30_000;
const LOSS_SHOWN_MS = 86_400_000;

export async function notePartition(
  db: Db,
  topic: string,
  of: PartitionId,
  progress: PartitionProgress,
  end: bigint,
): Promise<void> {
  const { committed, done, failure = null, longestWaiting: longest } = progress;
  const $set = {
    topic,
    committed: String(committed),
    lag: Number(end - done),
    waiting: longest
      ? { record: `${topic}:${of.partition}:${longest.offset}`, since: longest.since, why: longest.why }
      : null,
    failure,
    seenAt: new Date(),
  };
  await partitionRows(db).updateOne({ _id: rowOf(of) }, { $set }, { upsert: true, ...durable });
  // Last, because the row replaces the offset if Kafka forgets it: refusals before it are not
  // needed any more.
  await forgetRefusals(db, of, committed);
}

/** The offset that was last committed, by this system's own row. */
export async function committedBefore(db: Db, of: PartitionId): Promise<bigint | undefined> {
  const row = await partitionRows(db).findOne({ _id: rowOf(of) });
  return row?.committed === undefined ? undefined : BigInt(row.committed);
}

/** @param failure why the partition cannot be read */
export async function noteUnread(db: Db, topic: string, of: PartitionId, failure: string): Promise<void> {
  const $set = { topic, failure, waiting: null, seenAt: new Date() };
  await partitionRows(db).updateOne({ _id: rowOf(of) }, { $set }, { upsert: true });
}

export async function noteLost(db: Db, topic: string, of: PartitionId): Promise<void> {
  await partitionRows(db).updateOne(
    { _id: rowOf(of) },
    { $set: { topic, lostAt: new Date() } },
    { upsert: true },
  );
}

export async function noteTakingFailed(db: Db, topic: string, failure: string): Promise<void> {
  const failedAt = new Date();
  const row = await failureRows(db).findOne({ _id: topic });
  const failingSince = row && isRecent(row.failedAt) ? row.failingSince : failedAt;
  await failureRows(db).replaceOne({ _id: topic }, { failure, failingSince, failedAt }, { upsert: true });
}

export async function noteTakingWorks(db: Db, topic: string): Promise<void> {
  await failureRows(db).deleteOne({ _id: topic });
}

/** Why commands do not come from Kafka now; undefined if they do. */
export async function commandsConcern(db: Db, topic: string): Promise<string | undefined> {
  const [failed, rows] = await Promise.all([
    failureRows(db).findOne({ _id: topic }, answering),
    partitionRows(db).find({ topic }, answering).sort({ _id: 1 }).toArray(),
  ]);
  if (failed && isRecent(failed.failedAt))
    return `taking commands from ${topic} fails since ${failed.failingSince.toISOString()}: ${failed.failure}`;
  const lost = rows.find(({ lostAt }) => lostAt && Date.now() - lostAt.getTime() < LOSS_SHOWN_MS);
  if (lost !== undefined)
    return `records of ${topic} were deleted before they were read, seen at ${lost.lostAt?.toISOString()}`;
  const seen = rows.filter(({ seenAt }) => seenAt !== undefined && isRecent(seenAt));
  const unread = seen.find(({ failure }) => failure);
  if (unread !== undefined) return `a partition of ${topic} cannot be read: ${unread.failure}`;
  const [first] = seen
    .flatMap(({ waiting }) => waiting ?? [])
    .filter(({ since }) => Date.now() - Date.parse(since) >= WAITS_LONG_MS)
    .toSorted((a, b) => (a.since < b.since ? -1 : 1));
  return first && `the command ${first.record} waits since ${first.since}: ${first.why}`;
}

function isRecent(at: Date): boolean {
  return Date.now() - at.getTime() < SEEN_WITHIN_MS;
}

function rowOf({ topicId, partition }: PartitionId): string {
  return `${topicId}:${partition}`;
}
