import type { Db } from 'mongodb';
import { describeUnheld, unheldTasks } from '../../log/feed/leases.js';
import { answering } from '../../mongodb/durability.js';
import { type KafkaSettings, topicsOf } from './settings.js';
import { kafkaRows, publishingTask } from './publishing-progress.js';

/** Why the feed is not published to Kafka now; undefined if it is. */
export async function kafkaConcern(db: Db, settings: KafkaSettings): Promise<string | undefined> {
  const { events: topic } = topicsOf(settings);
  const row = await kafkaRows(db).findOne({ _id: topic }, answering);
  const { failures = 0, failingSince, failure } = row?.health ?? {};
  if (failures > 0) return `publishing in ${topic} fails since ${failingSince}: ${failure}`;
  return describeUnheld(await unheldTasks(db, [publishingTask]), 'kafka');
}
