import type { Db } from 'mongodb';
import { committedInTime } from '../mongodb/durability.js';
import {
  failureRows,
  isRecent,
  partitionOf,
  type PartitionRow,
  partitionRows,
  type WaitingCommand,
} from './command-rows.js';

/** A command that waits for longer is reported. */
const WAITS_LONG_MS = 30_000;
const LOSS_SHOWN_MS = 86_400_000;

/** The progress of taking commands from their topic. Times are ISO-8601 UTC. */
export interface CommandsStatus {
  readonly topic: string;
  /** number of unfinished records in all partitions */
  readonly lag: number;
  /** why commands are not taken now */
  readonly failure?: string;
  readonly failingSince?: string;
  readonly partitions: readonly {
    readonly partition: number;
    /** the offset of the first unfinished command; absent before the first commit */
    readonly position?: number;
    /** number of records from `position` on, when the process last counted them */
    readonly lag: number;
    /** why the partition cannot be read */
    readonly failure?: string;
    readonly waiting?: WaitingCommand;
    readonly seenAt?: string;
  }[];
}

export async function commandsStatus(db: Db, topic: string): Promise<CommandsStatus> {
  const { failed, rows } = await rowsOf(db, topic);
  const [latest] = rows.toSorted((a, b) => (b.seenAt?.getTime() ?? 0) - (a.seenAt?.getTime() ?? 0));
  const topicId = latest && partitionOf(latest).topicId;
  const current = rows.filter((row) => partitionOf(row).topicId === topicId);
  const partitions = current.map(({ committed, lag = 0, failure, waiting, seenAt, ...row }) => ({
    partition: partitionOf(row).partition,
    ...(committed !== undefined && { position: Number(committed) }),
    lag,
    ...(failure && { failure }),
    ...(waiting && { waiting }),
    ...(seenAt && { seenAt: seenAt.toISOString() }),
  }));
  return {
    topic,
    lag: partitions.reduce((sum, { lag }) => sum + lag, 0),
    ...(failed && { failure: failed.failure, failingSince: failed.failingSince.toISOString() }),
    partitions: partitions.toSorted((a, b) => a.partition - b.partition),
  };
}

/**
 * What is wrong with the commands from Kafka: they are not taken, records were lost, a partition
 * cannot be read, or a command has waited too long. Undefined if nothing is wrong.
 */
export async function commandsConcern(db: Db, topic: string): Promise<string | undefined> {
  const { failed, rows } = await rowsOf(db, topic);
  if (failed)
    return `taking commands from ${topic} has failed since ${failed.failingSince.toISOString()}: ${failed.failure}`;
  const lost = rows.find(({ lostAt }) => lostAt && Date.now() - lostAt.getTime() < LOSS_SHOWN_MS);
  if (lost !== undefined)
    return `records of ${topic} were deleted before they were read, seen at ${lost.lostAt?.toISOString()}`;
  const seen = rows.filter(isSeen);
  const unread = seen.find(({ failure }) => failure);
  if (unread !== undefined) return `a partition of ${topic} cannot be read: ${unread.failure}`;
  const [first] = waitingIn(seen).filter(({ since }) => Date.now() - Date.parse(since) >= WAITS_LONG_MS);
  return first && `the command ${first.record} has waited since ${first.since}: ${first.why}`;
}

/** The longest-waiting command of each partition; the one that has waited longest comes first. */
export async function waitingCommands(db: Db, topic: string): Promise<readonly WaitingCommand[]> {
  return waitingIn((await rowsOf(db, topic)).rows.filter(isSeen));
}

async function rowsOf(db: Db, topic: string) {
  const [failed, rows] = await Promise.all([
    failureRows(db).findOne({ _id: topic }, committedInTime),
    partitionRows(db).find({ topic }, committedInTime).sort({ _id: 1 }).toArray(),
  ]);
  return { failed: failed && isRecent(failed.failedAt) ? failed : undefined, rows };
}

function waitingIn(rows: readonly PartitionRow[]): readonly WaitingCommand[] {
  return rows.flatMap(({ waiting }) => waiting ?? []).toSorted((a, b) => (a.since < b.since ? -1 : 1));
}

function isSeen({ seenAt }: PartitionRow): boolean {
  return seenAt !== undefined && isRecent(seenAt);
}
