import type { Consumer } from '@platformatic/kafka';
import { type CommittedRecord, fetchCommitted } from './committed-records.js';

/** Kafka's timestamps for the beginning and the end of a partition. */
export const EARLIEST = -2n;
export const LATEST = -1n;

/** How long the broker may wait for a record. */
export const WAIT_MS = 500;
/**
 * How many of a partition's last records are searched first. One of them is committed, unless many
 * transactions were aborted in sequence.
 */
const FIRST_LOOK = 100n;

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

/**
 * The offset of each partition at this time. With `LATEST`, it is the beginning of the first open
 * transaction, or else the end.
 */
async function offsetsAt(consumer: Consumer, topic: string, timestamp: bigint): Promise<readonly bigint[]> {
  return (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
}

/** The last committed record of each partition; undefined for a partition without any. */
export async function lastRecords(
  consumer: Consumer,
  topic: string,
): Promise<(CommittedRecord | undefined)[]> {
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
