import { Consumer, ProduceAcks, Producer } from '@platformatic/kafka';
import { pause } from '../../../concurrency/pause.js';
import { type CommittedRecord, fetchCommitted } from '../../../delivery/kafka/committed-records.js';
import { clientOptions, ensureTopics, kafkaProblem } from '../../../delivery/kafka/connection.js';
import { type KafkaSettings, topicsOf } from '../../../delivery/kafka/settings.js';
import { withTimeout } from '../../../outages/timeout.js';
import type { Logger } from '../../../server/logger.js';
import { type HttpProblem, rawProblem } from '../../problem.js';
import type { Gateway } from '../gateway.js';
import { ByKey, createTurns } from './by-key.js';
import { correlationIdOf, placeOf } from './command-record.js';
import { handle } from './handling.js';
import { PartitionProgress } from './partition-progress.js';

export interface TakingDeps {
  readonly settings: KafkaSettings;
  readonly gateway: Gateway;
  readonly logger: Logger;
  readonly health: { failed(error: unknown): void; worked(): void };
  readonly signal: AbortSignal;
}

const SESSION_MS = 10_000;
const HEARTBEAT_MS = 2_000;
/** How long the broker may wait for a record. */
const FETCH_WAIT_MS = 500;
/** While so many records of a partition are not done, no further ones are read. */
const MOST_OPEN = 1_000;
const AT_ONCE = 32;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;
const CLOSE_WITHIN_MS = 3_000;
const EARLIEST = -2n;
const LATEST = -1n;

/**
 * Takes commands from their topic until `signal` aborts. Processes share its partitions. An offset
 * is committed when the commands before it are durable, or refused in their own topic; so a record
 * may be handled again, and has the same key then.
 */
export async function takeCommands(deps: TakingDeps): Promise<void> {
  const { health, signal } = deps;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      await takeUntilFailure(deps, () => {
        failures = 0;
        health.worked();
      });
    } catch (error) {
      if (!signal.aborted) health.failed(new Error(kafkaProblem(error), { cause: error }));
    }
    await pause(retryMs(failures), signal);
  }
}

function retryMs(before: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** before);
}

async function takeUntilFailure(deps: TakingDeps, works: () => void): Promise<void> {
  const { settings, signal } = deps;
  const { commands, refused } = topicsOf(settings);
  await ensureTopics(settings, [{ name: commands }, { name: refused }]);
  const consumer = new Consumer({
    ...clientOptions(settings),
    groupId: commands,
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
  });
  // Not idempotent: sends at the same time would take the same sequence numbers, and be lost.
  const producer = new Producer(clientOptions(settings));
  // Calls that fail say so themselves.
  for (const client of [consumer, producer]) client.on('error', () => undefined);
  try {
    consumer.topics.track(commands);
    await consumer.joinGroup();
    while (!signal.aborted) await new Tenure(deps, consumer, producer, works).work();
  } finally {
    const closed = Promise.allSettled([consumer.close(), producer.close()]);
    await withTimeout(CLOSE_WITHIN_MS, closed).catch(() => undefined);
  }
}

/** The time in which this process has the same partitions. */
class Tenure {
  private readonly deps: TakingDeps;
  private readonly consumer: Consumer;
  private readonly producer: Producer;
  private readonly works: () => void;
  private readonly topics: ReturnType<typeof topicsOf>;
  private readonly ending = new AbortController();
  private readonly byKey = new ByKey();
  private readonly inTurn = createTurns(AT_ONCE);

  constructor(deps: TakingDeps, consumer: Consumer, producer: Producer, works: () => void) {
    this.deps = deps;
    this.consumer = consumer;
    this.producer = producer;
    this.works = works;
    this.topics = topicsOf(deps.settings);
  }

  /** Works until the partitions are distributed anew, or the process ends. */
  async work(): Promise<void> {
    const end = () => this.ending.abort();
    const { signal } = this.deps;
    this.consumer.once('consumer:group:join', end);
    signal.addEventListener('abort', end, { once: true });
    try {
      await this.read(await this.progressOfPartitions());
    } finally {
      this.consumer.off('consumer:group:join', end);
      signal.removeEventListener('abort', end);
      end();
      // What is under way ends, so that no command of an order overtakes an earlier one.
      await this.byKey.allDone();
    }
  }

  private async read(partitions: ReadonlyMap<number, PartitionProgress>): Promise<void> {
    const { commands } = this.topics;
    const { signal } = this.ending;
    while (!signal.aborted) {
      const from = [...partitions].filter(([, { openCount }]) => openCount < MOST_OPEN);
      if (from.length === 0) await pause(FETCH_WAIT_MS, signal);
      else {
        const offsets = new Map(from.map(([partition, { next }]) => [partition, next]));
        const { records, next } = await fetchCommitted(this.consumer, commands, offsets, FETCH_WAIT_MS);
        if (signal.aborted) return;
        for (const record of records) this.begin(record, partitions.get(record.partition));
        for (const [partition, offset] of next) {
          const progress = partitions.get(partition);
          if (progress !== undefined) progress.next = offset;
        }
      }
      await this.commit(partitions);
      this.works();
    }
  }

  private begin(record: CommittedRecord, progress: PartitionProgress | undefined): void {
    const { offset, partition, key } = record;
    progress?.begin(offset);
    this.byKey.add(key?.toString('hex') ?? `${partition}:${offset}`, async () => {
      if (await this.take(record)) progress?.end(offset);
    });
  }

  /** True when the record is done; false if the tenure ends before. */
  private async take(record: CommittedRecord): Promise<boolean> {
    const { signal } = this.ending;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const isDone = await this.inTurn(async () => {
        if (signal.aborted) return false;
        const outcome = await handle(this.deps, this.topics.commands, record, attempt);
        if (outcome === 'durable' || outcome === 'again') return outcome === 'durable';
        return await this.refuse(record, outcome);
      });
      if (isDone) return true;
      await pause(retryMs(attempt), signal);
    }
    return false;
  }

  /**
   * The problem goes to the topic of refusals with the key and the headers of the record. Its value
   * stays where it is: it may have persons in it.
   */
  private async refuse(record: CommittedRecord, found: HttpProblem): Promise<boolean> {
    const { commands, refused } = this.topics;
    const { logger } = this.deps;
    const correlationId = correlationIdOf(commands, record);
    const { code, message } = found;
    const place = placeOf(commands, record);
    const headers = new Map([...record.headers].map(([name, value]) => [Buffer.from(name), value]));
    headers.set(Buffer.from('refused-record'), Buffer.from(place));
    const value = Buffer.from(rawProblem(found, correlationId, place).body);
    try {
      await this.producer.send({
        acks: ProduceAcks.ALL,
        messages: [{ topic: refused, value, headers, ...(record.key && { key: record.key }) }],
      });
      logger.warn({ record: place, correlationId, code }, `a command of Kafka was refused: ${message}`);
      return true;
    } catch (error) {
      logger.warn({ err: error, record: place, correlationId }, 'a refusal cannot be written yet');
      return false;
    }
  }

  private async progressOfPartitions(): Promise<ReadonlyMap<number, PartitionProgress>> {
    const { commands: topic } = this.topics;
    const { partitions = [] } = this.consumer.assignments?.find((one) => one.topic === topic) ?? {};
    if (partitions.length === 0) return new Map();
    const offsetsAt = async (timestamp: bigint) =>
      (await this.consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
    const committed =
      (await this.consumer.listCommittedOffsets({ topics: [{ topic, partitions }] })).get(topic) ?? [];
    const [earliest, latest] = [await offsetsAt(EARLIEST), await offsetsAt(LATEST)];
    return new Map(
      partitions.map((partition) => {
        const [first = 0n, end = 0n] = [earliest[partition], latest[partition]];
        const at = committed[partition] ?? -1n;
        // Records may have been deleted, or the whole topic.
        return [partition, new PartitionProgress(at >= first && at <= end ? at : first)] as const;
      }),
    );
  }

  private async commit(partitions: ReadonlyMap<number, PartitionProgress>): Promise<void> {
    const { commands: topic } = this.topics;
    const moved = [...partitions]
      .map(([partition, progress]) => ({ partition, progress, offset: progress.done }))
      .filter(({ progress, offset }) => offset > progress.committed);
    if (moved.length === 0) return;
    await this.consumer.commit({
      offsets: moved.map(({ partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 })),
    });
    for (const { progress, offset } of moved) progress.committed = offset;
  }
}
