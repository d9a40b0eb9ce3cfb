import { type Consumer, FetchIsolationLevels } from '@platformatic/kafka';
import type { FeedPlace } from '../../log/feed/place.js';
import { beforeFirst } from '../place.js';
import { type CommittedRecord, fetchAnyRecord, fetchCommitted } from './committed-records.js';

/** The checkpoint of a topic: all events up to a place in the feed are published. */
export interface Checkpoint extends FeedPlace {
  /** id of the topic; one that was deleted and created again has another id, and no events */
  readonly topicId: string;
  /** the system whose feed is published; absent if it was never known */
  readonly system?: string;
}

/** All checkpoints are in this partition, even if an operator has created the topic with more. */
export const CHECKPOINT_PARTITION = 0;

const EARLIEST = -2n;
const LATEST = -1n;
const WAIT_MS = 500;
/**
 * The last records of a partition that are searched first. One of them is committed, unless many
 * transactions were aborted in sequence.
 */
const FIRST_LOOK = 100n;

export function checkpointText(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpoint);
}

/** The last checkpoint that is committed; undefined if there is none. */
export async function readCheckpoint(consumer: Consumer, topic: string): Promise<Checkpoint | undefined> {
  const last = (await lastRecords(consumer, topic))[CHECKPOINT_PARTITION];
  const text = last?.value?.toString('utf8');
  return text === undefined ? undefined : (JSON.parse(text) as Checkpoint);
}

/** A partition in which a transaction has not ended. */
export interface Hanging {
  readonly topic: string;
  readonly partition: number;
  /** the offset of the first record of the transaction */
  readonly offset: bigint;
}

/**
 * Whether the transaction that has not ended in some partitions was committed in the others. It was
 * if the last committed checkpoint includes its first record, or if the topic has committed records
 * after that checkpoint.
 */
export async function wasCommitted(
  consumer: Consumer,
  topics: { readonly events: string; readonly checkpoints: string },
  [first]: readonly Hanging[],
): Promise<boolean> {
  const last = (await readCheckpoint(consumer, topics.checkpoints)) ?? beforeFirst;
  const record = first && (await fetchAnyRecord(consumer, topics.events, first, WAIT_MS));
  if (record !== undefined && !isBeyond(placeOf(record), last)) return true;
  const found = await lastRecords(consumer, topics.events);
  return found.some((one) => one !== undefined && isBeyond(placeOf(one), last));
}

/** Places of a later generation are beyond all of an earlier one. */
function isBeyond(one: FeedPlace, other: FeedPlace): boolean {
  if (one.generation !== other.generation) return one.generation > other.generation;
  return one.position > other.position;
}

function placeOf({ headers }: CommittedRecord): FeedPlace {
  const numberIn = (name: string) => Number(headers.get(name)?.toString() ?? 0);
  return { generation: numberIn('ce_generation'), position: numberIn('ce_sequence') };
}

/** Whether a topic has, or had, committed records. */
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

export async function hangingPartitions(consumer: Consumer, topic: string): Promise<readonly Hanging[]> {
  const ends = async (isolationLevel: number) =>
    (await consumer.listOffsets({ topics: [topic], timestamp: LATEST, isolationLevel })).get(topic) ?? [];
  const stable = await ends(FetchIsolationLevels.READ_COMMITTED);
  const all = await ends(FetchIsolationLevels.READ_UNCOMMITTED);
  return all.flatMap((end, partition) => {
    const offset = stable[partition] ?? 0n;
    return end > offset ? [{ topic, partition, offset }] : [];
  });
}

/** The offset of each partition at this time; `LATEST` is before the first open transaction. */
async function offsetsAt(consumer: Consumer, topic: string, timestamp: bigint): Promise<readonly bigint[]> {
  return (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
}

/** The last committed record of each partition; undefined for a partition without any. */
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
