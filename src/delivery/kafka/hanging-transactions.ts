import { type Consumer, FetchIsolationLevels } from '@platformatic/kafka';
import type { FeedPlace } from '../../log/feed/place.js';
import { beforeFirst } from '../../log/feed/generations.js';
import { readCheckpoint } from './checkpoint.js';
import { type CommittedRecord, fetchAnyRecord } from '../../kafka/committed-records.js';
import { lastRecords, LATEST, WAIT_MS } from '../../kafka/partition-records.js';
import { type KafkaSettings, topicsOf } from '../../kafka/settings.js';
import { anyProducer, type Transaction, type TransactionalProducer } from './transactional-producer.js';

/**
 * Ends a transaction that is still open in some partitions. If a broker dies while it ends a
 * transaction, the end marker may be missing in some partitions after the broker has come back
 * (seen with Kafka 4.4). The next marker of this producer would then end the open transaction too,
 * perhaps in another way than in the other partitions. So this function first ends it there: it
 * commits or aborts it, whichever has happened in the other partitions.
 *
 * @param begun an empty transaction of this producer
 * @returns an empty transaction
 */
export async function endHanging(
  producer: TransactionalProducer,
  consumer: Consumer,
  settings: KafkaSettings,
  begun: Transaction,
): Promise<Transaction> {
  const { events, checkpoints } = topicsOf(settings);
  const [ofEvents, ofCheckpoints] = await Promise.all([
    hangingPartitions(consumer, events),
    hangingPartitions(consumer, checkpoints),
  ]);
  const hanging = [...ofEvents, ...ofCheckpoints];
  if (hanging.length === 0) return begun;
  const isCommitted = await wasCommitted(consumer, { events, checkpoints }, ofEvents);
  const metadata = await producer.metadata({ topics: [events, checkpoints], forceUpdate: true });
  const value = Buffer.alloc(0);
  await begun.addPartitions(
    metadata,
    hanging.map(({ topic, partition }) => ({ topic, partition, value })),
  );
  await (isCommitted ? begun.commit() : begun.abort());
  return await producer.beginTransaction(anyProducer);
}

/** A partition in which a transaction has not ended. */
export interface Hanging {
  readonly topic: string;
  readonly partition: number;
  /** the offset of the first record of the transaction */
  readonly offset: bigint;
}

/** The partitions of a topic in which a transaction has not ended. */
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

/**
 * Whether the transaction that has not ended in some partitions was committed in the others. It was
 * committed if the last committed checkpoint includes its first record, or if the topic has
 * committed records after that checkpoint.
 */
export async function wasCommitted(
  consumer: Consumer,
  topics: { readonly events: string; readonly checkpoints: string },
  [first]: readonly Hanging[],
): Promise<boolean> {
  const last = (await readCheckpoint(consumer, topics.checkpoints)) ?? beforeFirst;
  const record = first && (await fetchAnyRecord(consumer, topics.events, first, WAIT_MS));
  if (record !== undefined && !isBeyond(placeOfRecord(record), last)) return true;
  const found = await lastRecords(consumer, topics.events);
  return found.some((one) => one !== undefined && isBeyond(placeOfRecord(one), last));
}

/** Every place of a later generation is beyond all places of an earlier one. */
function isBeyond(one: FeedPlace, other: FeedPlace): boolean {
  if (one.generation !== other.generation) return one.generation > other.generation;
  return one.position > other.position;
}

function placeOfRecord({ headers }: CommittedRecord): FeedPlace {
  const numberIn = (name: string) => Number(headers.get(name)?.toString() ?? 0);
  return { generation: numberIn('ce_generation'), position: numberIn('ce_sequence') };
}
