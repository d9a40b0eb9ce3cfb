import type { Db } from 'mongodb';

/* The progress of taking commands from Kafka. `src/api/commands/kafka` writes these rows. */

/** The progress in a partition. The process that has the partition writes it. */
export interface PartitionRow {
  /** see `partitionRowId` */
  readonly _id: string;
  readonly topic: string;
  /** the offset after the last committed command; used if Kafka forgets the offset of the group */
  readonly committed?: string;
  /** number of records from the first unfinished one to the end of the partition */
  readonly lag?: number;
  readonly waiting?: WaitingCommand | null;
  /** why the partition cannot be read */
  readonly failure?: string | null;
  readonly seenAt?: Date;
  /** when Kafka was last found to have deleted records before they were read */
  readonly lostAt?: Date;
}

/** The longest-waiting command of a partition. */
export interface WaitingCommand {
  /** `<topic>:<partition>:<offset>` */
  readonly record: string;
  /** ISO-8601 UTC */
  readonly since: string;
  readonly why: string;
}

/** Why at least one process cannot take commands from a topic. */
export interface FailureRow {
  /** the topic */
  readonly _id: string;
  readonly failure: string;
  readonly failingSince: Date;
  readonly failedAt: Date;
}

export const partitionRows = (db: Db) => db.collection<PartitionRow>('kafka_command_partitions');
export const failureRows = (db: Db) => db.collection<FailureRow>('kafka_command_failures');

export async function ensureCommandIndexes(db: Db): Promise<void> {
  await partitionRows(db).createIndex({ topic: 1, _id: 1 });
}

/** A partition of a topic. A topic that is deleted and created again has another id. */
export interface PartitionId {
  readonly topicId: string;
  readonly partition: number;
}

export function partitionRowId({ topicId, partition }: PartitionId): string {
  return `${topicId}:${partition}`;
}

export function partitionOf({ _id }: PartitionRow): PartitionId {
  const end = _id.lastIndexOf(':');
  return { topicId: _id.slice(0, end), partition: Number(_id.slice(end + 1)) };
}

/** Older rows are ignored, because they do not show the present state. */
const SEEN_WITHIN_MS = 60_000;

export function isRecent(at: Date): boolean {
  return Date.now() - at.getTime() < SEEN_WITHIN_MS;
}
