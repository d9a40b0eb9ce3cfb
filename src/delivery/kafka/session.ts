import { Consumer } from '@platformatic/kafka';
import type { FeedPlace } from '../../log/feed/place.js';
import { withTimeout } from '../../outages/timeout.js';
import { beforeFirst } from '../../log/feed/generations.js';
import { type Checkpoint, CHECKPOINT_PARTITION, checkpointText, readCheckpoint } from './checkpoint.js';
import { clientOptions, closeClient, withClient } from '../../kafka/connection.js';
import { ensureTopics } from '../../kafka/topics.js';
import { endHanging } from './hanging-transactions.js';
import { hasRecords } from '../../kafka/partition-records.js';
import { batchesThatFit, encoded, type EncodedRecord } from './records.js';
import { type KafkaSettings, topicsOf } from '../../kafka/settings.js';
import { anyProducer, type Transaction, TransactionalProducer } from './transactional-producer.js';

/** The exclusive right to publish. It ends when another session begins. */
export interface Session {
  /** the last checkpoint that was committed */
  readonly checkpoint: Checkpoint;
  /**
   * Publishes records together with the checkpoint after them, in one transaction.
   *
   * @throws Error if it is not certain that the transaction was committed; then this session must
   *   not be used again
   */
  publish(records: readonly EncodedRecord[], place: FeedPlace): Promise<void>;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly settings: KafkaSettings;
  /** the id of this system; undefined while it is unknown */
  readonly system?: string | undefined;
  /** aborts every wait for Kafka */
  readonly signal?: AbortSignal;
}

const PUBLISH_WITHIN_MS = 20_000;
/** How long a transaction may still take when the process stops. */
const END_WITHIN_MS = 1_000;
/** Kafka aborts a transaction that is open for longer than this. */
const TRANSACTION_MS = 30_000;

/**
 * Opens a session. When it is open, all transactions of earlier sessions are committed or aborted.
 *
 * @throws Error if the topic has the events of another system, or records but no checkpoint; no
 *   other session is ended then
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { settings, signal } = options;
  const { events, checkpoints } = topicsOf(settings);
  await ensureTopics(settings, [{ name: events }, { name: checkpoints, isCompacted: true }], signal);
  const reader = new Consumer({ ...clientOptions(settings), groupId: events });
  return await withClient(reader, signal, async (consumer) => {
    // The checkpoint is checked first, so that the session of another system is not ended.
    await startingCheckpoint(consumer, options);
    return await beginSession(consumer, options);
  });
}

/** Begins a session, which fences the producers of all earlier ones. */
async function beginSession(consumer: Consumer, options: SessionOptions): Promise<Session> {
  const { settings, signal } = options;
  const { events, checkpoints } = topicsOf(settings);
  const producer = new TransactionalProducer({
    ...clientOptions(settings),
    idempotent: true,
    transactionalId: events,
    timeout: TRANSACTION_MS,
  });
  // A failed call rejects its promise. The client may also emit `error`, which would end the
  // process if there were no listener.
  producer.on('error', () => undefined);
  const close = () => void closeClient(producer);
  const closeSoon = () => setTimeout(close, END_WITHIN_MS).unref();
  signal?.addEventListener('abort', closeSoon, { once: true });
  try {
    const begun = await producer.beginTransaction(anyProducer);
    const first = await endHanging(producer, consumer, settings, begun);
    const { checkpoint, isNew } = await startingCheckpoint(consumer, options);
    const session = new OpenSession(producer, first, { checkpoint, events, checkpoints });
    // The checkpoint is written before the first record, so that a topic with records always has a
    // checkpoint.
    if (isNew) await session.publish([], checkpoint);
    return session;
  } catch (error) {
    await closeClient(producer);
    throw error;
  }
}

class OpenSession implements Session {
  checkpoint: Checkpoint;
  private readonly producer: TransactionalProducer;
  private readonly topics: { readonly events: string; readonly checkpoints: string };
  private begun: Transaction | undefined;

  constructor(
    producer: TransactionalProducer,
    begun: Transaction,
    of: { readonly checkpoint: Checkpoint; readonly events: string; readonly checkpoints: string },
  ) {
    this.producer = producer;
    this.begun = begun;
    this.checkpoint = of.checkpoint;
    this.topics = of;
  }

  async publish(records: readonly EncodedRecord[], { generation, position }: FeedPlace): Promise<void> {
    const { events, checkpoints } = this.topics;
    const checkpoint = { ...this.checkpoint, generation, position };
    const record = encoded({ topic: checkpoints, key: events, value: checkpointText(checkpoint) });
    const progress = { ...record, partition: CHECKPOINT_PARTITION };
    await withTimeout(
      PUBLISH_WITHIN_MS,
      (async () => {
        const transaction = this.begun ?? (await this.producer.beginTransaction(anyProducer));
        this.begun = undefined;
        for (const messages of batchesThatFit([progress, ...records])) await transaction.send({ messages });
        await this.checkTopic();
        await transaction.commit();
      })(),
    );
    this.checkpoint = checkpoint;
  }

  /**
   * Checks that the topic is still the one that the checkpoint names. Records are sent to a topic
   * by its name, so they could reach a topic that was deleted and created again.
   *
   * @throws Error if the topic was deleted and created again
   */
  private async checkTopic(): Promise<void> {
    const { events } = this.topics;
    const { topics } = await this.producer.metadata({ topics: [events], forceUpdate: true });
    if (topics.get(events)?.id !== this.checkpoint.topicId)
      throw new Error(
        `The topic ${events} was deleted and made again: the new topic will get the whole feed.`,
      );
  }

  async close(): Promise<void> {
    await closeClient(this.producer);
  }
}

/**
 * Where publishing continues: at the last checkpoint, or at the beginning of the feed if the topic
 * has no records.
 *
 * @throws Error if the topic has records but no checkpoint, or the events of another system
 */
async function startingCheckpoint(
  consumer: Consumer,
  { settings, system }: SessionOptions,
): Promise<{ readonly checkpoint: Checkpoint; readonly isNew: boolean }> {
  const { events, checkpoints } = topicsOf(settings);
  const found = await readCheckpoint(consumer, checkpoints);
  const metadata = await consumer.metadata({ topics: [events], forceUpdate: true });
  const topicId = metadata.topics.get(events)?.id ?? '';
  if (found?.topicId === topicId) return { checkpoint: ofSystem(found, system, events), isNew: false };
  if (await hasRecords(consumer, events))
    throw new Error(
      `The topic ${events} has records, and ${checkpoints} does not say up to which position: delete both to publish the whole feed again.`,
    );
  return { checkpoint: { ...beforeFirst, topicId, ...(system && { system }) }, isNew: true };
}

function ofSystem(found: Checkpoint, system: string | undefined, events: string): Checkpoint {
  if (system === undefined) return found;
  if (found.system !== undefined && found.system !== system)
    throw new Error(
      `The topic ${events} has the events of another system (${found.system}): set KAFKA_TOPIC to a topic of this system (${system}).`,
    );
  return { ...found, system };
}
