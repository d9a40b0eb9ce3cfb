import type { Consumer } from '@platformatic/kafka';
import type { FeedPlace } from '../../endpoint/endpoint.js';
import { fetchCommitted } from './committed-records.js';

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
/** So many records from the end hold a checkpoint, unless the last transactions were aborted. */
const FIRST_LOOK = 100n;

export function checkpointText(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpoint);
}

/** The last checkpoint that is committed; undefined if there is none. */
export async function readCheckpoint(consumer: Consumer, topic: string): Promise<Checkpoint | undefined> {
  const [begin = 0n] = await offsetsAt(consumer, topic, EARLIEST);
  const [end = 0n] = await offsetsAt(consumer, topic, LATEST);
  for (let look = FIRST_LOOK; ; look *= 10n) {
    const from = end - look > begin ? end - look : begin;
    const last = await lastBetween(consumer, topic, from, end);
    if (last !== undefined || from === begin) return last;
  }
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

/** By partition; the latest is before a transaction that is open. */
async function offsetsAt(consumer: Consumer, topic: string, timestamp: bigint): Promise<readonly bigint[]> {
  return (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
}

async function lastBetween(
  consumer: Consumer,
  topic: string,
  from: bigint,
  end: bigint,
): Promise<Checkpoint | undefined> {
  let last: Checkpoint | undefined;
  for (let at = from; at < end;) {
    const { records, next } = await fetchCommitted(consumer, topic, new Map([[0, at]]), WAIT_MS);
    const text = records.at(-1)?.value?.toString('utf8');
    if (text !== undefined) last = JSON.parse(text) as Checkpoint;
    at = next.get(0) ?? at;
  }
  return last;
}
