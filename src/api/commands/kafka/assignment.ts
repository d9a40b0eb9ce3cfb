import type { Consumer } from '@platformatic/kafka';
import type { Db } from 'mongodb';
import { kafkaProblem } from '../../../kafka/kafka-problem.js';
import { EARLIEST, LATEST } from '../../../kafka/partition-records.js';
import type { Logger } from '../../../server/logging/logger.js';
import { PartitionProgress } from './partition-progress.js';
import { refusalsFrom } from './refusal-rows.js';
import type { PartitionId } from '../../../kafka/command-rows.js';
import { committedBefore, markRecordsLost, storePartitionFailure } from './store-progress.js';

export interface AssignmentDeps {
  readonly db: Db;
  readonly logger: Logger;
  readonly consumer: Consumer;
}

/** The partitions of a topic that this member of the group has, each with its progress. */
export interface Assignment {
  readonly topic: string;
  /** the topic's id; a topic that is deleted and created again has another one */
  readonly topicId: string;
  readonly partitionsCount: number;
  /** the partitions of this member that can be read now */
  readonly partitions: ReadonlyMap<number, PartitionProgress>;
  /** whether all partitions of this member can be read */
  readonly isWhole: boolean;
}

/** @throws Error if none of the partitions can be read */
export async function assignmentOf(deps: AssignmentDeps, topic: string): Promise<Assignment> {
  const { consumer, db } = deps;
  const { brokers, topics } = await consumer.metadata({ topics: [topic] });
  const { id: topicId = '', partitions = [], partitionsCount = 0 } = topics.get(topic) ?? {};
  const mine = consumer.assignments?.find((one) => one.topic === topic)?.partitions ?? [];
  if (mine.length === 0) return { topic, topicId, partitionsCount, partitions: new Map(), isWhole: true };
  const asked = { topics: [{ topic, partitions: mine }] };
  const committed = (await consumer.listCommittedOffsets(asked)).get(topic) ?? [];
  const found = new Map<number, PartitionProgress>();
  const failed: unknown[] = [];
  for (const partition of mine) {
    const id = { topicId, partition };
    try {
      if (!brokers.has(partitions[partition]?.leader ?? -1)) throw new Error('it has no leader');
      found.set(partition, await progressOf(deps, topic, id, committed[partition] ?? -1n));
    } catch (err) {
      failed.push(err);
      const failure = `${topic}:${partition}: ${kafkaProblem(err)}`;
      await storePartitionFailure(db, topic, id, failure).catch(() => undefined);
    }
  }
  if (found.size === 0) throw failed[0];
  return { topic, topicId, partitionsCount, partitions: found, isWhole: failed.length === 0 };
}

/**
 * Checks which partitions have a leader.
 *
 * @param forceUpdate whether to ask a broker, instead of using what the client remembers
 * @throws Error if the topic was created again or has more partitions; then a new client has to
 *   join
 */
export async function checkAssignment(
  consumer: Consumer,
  { topic, topicId, partitionsCount: count, partitions: mine }: Assignment,
  { forceUpdate = false } = {},
): Promise<void> {
  const { brokers, topics } = await consumer.metadata({ topics: [topic], forceUpdate });
  const { id, partitions = [], partitionsCount } = topics.get(topic) ?? {};
  if (id !== topicId) throw new Error(`${topic} was deleted and created again`);
  if (partitionsCount !== count)
    throw new Error(`${topic} has ${partitionsCount} partitions, and had ${count}`);
  for (const progress of mine.values()) {
    const hasLeader = brokers.has(partitions[progress.partition]?.leader ?? -1);
    progress.failure = hasLeader ? undefined : `${topic}:${progress.partition} has no leader`;
  }
}

/** The offset after the last record of a partition. */
export async function endOf(consumer: Consumer, topic: string, partition: number): Promise<bigint> {
  return await offsetAt(consumer, topic, partition, LATEST);
}

async function progressOf(
  { consumer, db, logger }: AssignmentDeps,
  topic: string,
  id: PartitionId,
  committed: bigint,
): Promise<PartitionProgress> {
  const { partition } = id;
  const [first, end] = await Promise.all([
    offsetAt(consumer, topic, partition, EARLIEST),
    endOf(consumer, topic, partition),
  ]);
  // Kafka deletes the offsets of a group that was idle for a week, so MongoDB has a copy.
  const at = committed >= 0n ? committed : ((await committedBefore(db, id)) ?? -1n);
  if (at >= 0n && at < first) {
    const lost = { partition, from: at, to: first };
    logger.error(lost, `records of ${topic} were deleted before they were read`);
    await markRecordsLost(db, topic, id);
  }
  const from = at >= first && at <= end ? at : first;
  return new PartitionProgress(partition, from, await refusalsFrom(db, id, from));
}

async function offsetAt(
  consumer: Consumer,
  topic: string,
  partition: number,
  timestamp: bigint,
): Promise<bigint> {
  const asked = { topics: [topic], partitions: { [topic]: [partition] }, timestamp };
  return (await consumer.listOffsets(asked)).get(topic)?.[partition] ?? 0n;
}
