import { type Consumer, FetchIsolationLevels } from '@platformatic/kafka';
import type { FeedPlace } from '../../endpoint/endpoint.js';
import { type CommittedRecord, fetchCommitted } from './committed-records.js';

/** What is published: all events up to a place in the feed, in one topic. */
export interface Checkpoint extends FeedPlace {
  /** a topic that was deleted and made again has another id, and none of the events */
  readonly topicId: string;
  /** whose feed it is; absent if it was never known */
  readonly system?: string;
}

const EARLIEST = -2n;
const LATEST = -1n;
const WAIT_MS = 500;
/** So many records from the end hold a committed one, unless the last transactions were aborted. */
const FIRST_LOOK = 100n;

export function checkpointText(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpoint);
}

/** The last checkpoint that is committed; undefined if there is none. */
export async function readCheckpoint(consumer: Consumer, topic: string): Promise<Checkpoint | undefined> {
  const [last] = await lastRecords(consumer, topic);
  const text = last?.value?.toString('utf8');
  return text === undefined ? undefined : (JSON.parse(text) as Checkpoint);
}

/** Whether committed records of the topic of events are beyond a checkpoint. */
export async function isBeyond(
  consumer: Consumer,
  topic: string,
  { generation, position }: FeedPlace,
): Promise<boolean> {
  const last = await lastRecords(consumer, topic);
  return last.some((record) => {
    const [of, at] = ['ce_generation', 'ce_sequence'].map((name) => Number(record?.headers.get(name) ?? 0));
    return of !== undefined && at !== undefined && of === generation && at > position;
  });
}

/** Whether a topic has had records. Those of transactions that were aborted do not count. */
export async function hasRecords(consumer: Consumer, topic: string): Promise<boolean> {
  const begin = await offsetsAt(consumer, topic, EARLIEST);
  const end = await offsetsAt(consumer, topic, LATEST);
  if (begin.some((offset) => offset > 0n)) return true;
  const at = new Map(begin.map((offset, partition) => [partition, offset]));
  for (;;) {
    const left = new Map([...at].filter(([partition, offset]) => offset < (end[partition] ?? 0n)));
    if (left.size === 0) return false;
    const { records, next } = await fetchCommitted(consumer, topic, left, WAIT_MS);
    if (records.length > 0) return true;
    for (const [partition, offset] of next) at.set(partition, offset);
  }
}

/** The partitions of a topic in which a transaction has not ended. */
export async function hangingPartitions(
  consumer: Consumer,
  topic: string,
): Promise<readonly { readonly topic: string; readonly partition: number }[]> {
  const ends = async (isolationLevel: number) =>
    (await consumer.listOffsets({ topics: [topic], timestamp: LATEST, isolationLevel })).get(topic) ?? [];
  const stable = await ends(FetchIsolationLevels.READ_COMMITTED);
  const all = await ends(FetchIsolationLevels.READ_UNCOMMITTED);
  return all.flatMap((end, partition) => (end > (stable[partition] ?? 0n) ? [{ topic, partition }] : []));
}

/** By partition; the latest is before a transaction that is open. */
async function offsetsAt(consumer: Consumer, topic: string, timestamp: bigint): Promise<readonly bigint[]> {
  return (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
}

/** Of each partition, the last record that is committed; undefined where there is none. */
async function lastRecords(consumer: Consumer, topic: string): Promise<(CommittedRecord | undefined)[]> {
  const begins = await offsetsAt(consumer, topic, EARLIEST);
  const ends = await offsetsAt(consumer, topic, LATEST);
  return await Promise.all(
    ends.map(async (end, partition) => {
      const begin = begins[partition] ?? 0n;
      for (let look = FIRST_LOOK; ; look *= 10n) {
        const from = end - look > begin ? end - look : begin;
        const last = await lastBetween(consumer, topic, partition, from, end);
        if (last !== undefined || from === begin) return last;
      }
    }),
  );
}

async function lastBetween(
  consumer: Consumer,
  topic: string,
  partition: number,
  from: bigint,
  end: bigint,
): Promise<CommittedRecord | undefined> {
  let last: CommittedRecord | undefined;
  for (let at = from; at < end;) {
    const { records, next } = await fetchCommitted(consumer, topic, new Map([[partition, at]]), WAIT_MS);
    last = records.at(-1) ?? last;
    at = next.get(partition) ?? at;
  }
  return last;
}
