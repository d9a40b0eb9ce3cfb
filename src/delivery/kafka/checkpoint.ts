import type { Consumer } from '@platformatic/kafka';
import type { FeedPlace } from '../../endpoint/endpoint.js';
import { fetchCommitted } from './committed-records.js';

/** What is published: all events up to a place in the feed, in one topic. */
export interface Checkpoint extends FeedPlace {
  /** a topic that was deleted and made again has another id, and none of the events */
  readonly topicId: string;
}

const EARLIEST = -2n;
const LATEST = -1n;
/** So many records from the end hold a checkpoint, unless the last transactions were aborted. */
const FIRST_LOOK = 100n;

export function checkpointText(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpoint);
}

/**
 * The last checkpoint that was committed; undefined if there is none. Call it when no transaction
 * that writes one is open.
 */
export async function readCheckpoint(consumer: Consumer, topic: string): Promise<Checkpoint | undefined> {
  const offsetAt = async (timestamp: bigint) =>
    (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic)?.[0] ?? 0n;
  const [begin, end] = [await offsetAt(EARLIEST), await offsetAt(LATEST)];
  for (let look = FIRST_LOOK; ; look *= 10n) {
    const from = end - look > begin ? end - look : begin;
    const last = await lastBetween(consumer, topic, from, end);
    if (last !== undefined || from === begin) return last;
  }
}

async function lastBetween(
  consumer: Consumer,
  topic: string,
  from: bigint,
  end: bigint,
): Promise<Checkpoint | undefined> {
  let last: Checkpoint | undefined;
  for (let at = from; at < end;) {
    const { records, next } = await fetchCommitted(consumer, topic, new Map([[0, at]]), 500);
    const text = records.at(-1)?.value?.toString('utf8');
    if (text !== undefined) last = JSON.parse(text) as Checkpoint;
    at = next.get(0) ?? at;
  }
  return last;
}
