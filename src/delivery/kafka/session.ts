import { Consumer, Producer, stringSerializers } from '@platformatic/kafka';
import { firstGeneration } from '../../log/feed/generations.js';
import { withTimeout } from '../../outages/timeout.js';
import { type Checkpoint, checkpointText, readCheckpoint } from './checkpoint.js';
import { clientOptions, ensureTopics } from './connection.js';
import type { TextRecord } from './records.js';
import { type KafkaSettings, topicsOf } from './settings.js';

/** The right to publish: it ends when another session begins. */
export interface Session {
  /** the last one that was committed */
  readonly checkpoint: Checkpoint;
  /**
   * Publishes records, and the place up to which all is published then, in one transaction.
   *
   * @throws Error if it may not have happened: then this session is of no use any more
   */
  publish(records: readonly TextRecord[], place: Omit<Checkpoint, 'topicId'>): Promise<void>;
  close(): Promise<void>;
}

type Texts = Producer<string, string, string, string>;
type Transaction = Awaited<ReturnType<Texts['beginTransaction']>>;

const PUBLISH_WITHIN_MS = 20_000;
/** A transaction that is left open for so long is aborted by Kafka. */
const TRANSACTION_MS = 30_000;
/** Kafka's "none": its client would otherwise ask for producer 0. */
const anyProducer = { producerId: -1n, producerEpoch: -1 };

/** Begins a session. Transactions of earlier ones are over then: committed, or aborted. */
export async function openSession(settings: KafkaSettings): Promise<Session> {
  const { events, checkpoints } = topicsOf(settings);
  await ensureTopics(settings, [{ name: events }, { name: checkpoints, isCompacted: true }]);
  const producer: Texts = new Producer({
    ...clientOptions(settings),
    serializers: stringSerializers,
    idempotent: true,
    transactionalId: events,
    timeout: TRANSACTION_MS,
  });
  // A call that fails says so itself.
  producer.on('error', () => undefined);
  try {
    const first = await producer.beginTransaction(anyProducer);
    const found = await placeOf(settings);
    const session = new OpenSession(producer, first, { ...found, events, checkpoints });
    // From now on, a topic with records has a checkpoint.
    if (found.isNew) await session.publish([], found.checkpoint);
    return session;
  } catch (error) {
    await producer.close().catch(() => undefined);
    throw error;
  }
}

class OpenSession implements Session {
  checkpoint: Checkpoint;
  private readonly producer: Texts;
  private readonly topics: { readonly events: string; readonly checkpoints: string };
  private begun: Transaction | undefined;

  constructor(
    producer: Texts,
    begun: Transaction,
    of: { readonly checkpoint: Checkpoint; readonly events: string; readonly checkpoints: string },
  ) {
    this.producer = producer;
    this.begun = begun;
    this.checkpoint = of.checkpoint;
    this.topics = of;
  }

  async publish(
    records: readonly TextRecord[],
    { generation, position }: Omit<Checkpoint, 'topicId'>,
  ): Promise<void> {
    const { events, checkpoints } = this.topics;
    const checkpoint = { generation, position, topicId: this.checkpoint.topicId };
    const noted = { topic: checkpoints, key: events, value: checkpointText(checkpoint) };
    await withTimeout(
      PUBLISH_WITHIN_MS,
      (async () => {
        const transaction = this.begun ?? (await this.producer.beginTransaction(anyProducer));
        this.begun = undefined;
        await transaction.send({ messages: [...records, noted] });
        await transaction.commit();
      })(),
    );
    this.checkpoint = checkpoint;
  }

  async close(): Promise<void> {
    await this.producer.close();
  }
}

/**
 * Where to publish on from: the last checkpoint, or the beginning for a topic that has no records.
 *
 * @throws Error if the topic has records, and nothing says which
 */
async function placeOf(
  settings: KafkaSettings,
): Promise<{ readonly checkpoint: Checkpoint; readonly isNew: boolean }> {
  const { events, checkpoints } = topicsOf(settings);
  const consumer = new Consumer({ ...clientOptions(settings), groupId: events });
  consumer.on('error', () => undefined);
  try {
    const found = await readCheckpoint(consumer, checkpoints);
    const metadata = await consumer.metadata({ topics: [events], forceUpdate: true });
    const topicId = metadata.topics.get(events)?.id ?? '';
    if (found?.topicId === topicId) return { checkpoint: found, isNew: false };
    const ends = (await consumer.listOffsets({ topics: [events] })).get(events) ?? [];
    if (ends.some((end) => end > 0n))
      throw new Error(
        `The topic ${events} has records, and ${checkpoints} does not say up to which position: delete both to publish the whole feed anew.`,
      );
    const { generation } = firstGeneration;
    return { checkpoint: { generation, position: 0, topicId }, isNew: true };
  } finally {
    await consumer.close().catch(() => undefined);
  }
}
