import type { Consumer } from '@platformatic/kafka';
import type { FeedPlace } from '../../log/feed/place.js';
import { lastRecords } from '../../kafka/partition-records.js';

/** The checkpoint of a topic: all events up to a place in the feed are published. */
export interface Checkpoint extends FeedPlace {
  /** id of the topic; a topic that is deleted and created again has another id, and no events */
  readonly topicId: string;
  /** the system whose feed is published; absent if it was never known */
  readonly system?: string;
}

/** All checkpoints are in this partition, even if an operator has created the topic with more. */
export const CHECKPOINT_PARTITION = 0;

export function checkpointText(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpoint);
}

/** The last checkpoint that is committed; undefined if there is none. */
export async function readCheckpoint(consumer: Consumer, topic: string): Promise<Checkpoint | undefined> {
  const last = (await lastRecords(consumer, topic))[CHECKPOINT_PARTITION];
  const text = last?.value?.toString('utf8');
  return text === undefined ? undefined : (JSON.parse(text) as Checkpoint);
}
