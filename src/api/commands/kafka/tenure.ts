import type { Consumer } from '@platformatic/kafka';
import type { Db } from 'mongodb';
import { backOffMs } from '../../../concurrency/back-off.js';
import { pause } from '../../../concurrency/pause.js';
import {
  type CommittedRecord,
  type Fetched,
  fetchCommitted,
} from '../../../delivery/kafka/committed-records.js';
import { kafkaProblem } from '../../../delivery/kafka/connection.js';
import { type KafkaSettings, topicsOf } from '../../../delivery/kafka/settings.js';
import { withTimeout } from '../../../outages/timeout.js';
import type { Logger } from '../../../server/logger.js';
import { HttpProblem, rawProblem } from '../../problem.js';
import type { Gateway } from '../gateway.js';
import { ByKey, createTurns } from '../../../concurrency/by-key.js';
import { correlationIdOf, placeOf } from './command-record.js';
import { handle } from './handling.js';
import { type Membership, stopWith } from './membership.js';
import { PartitionProgress } from './partition-progress.js';
import { noteRefused, noteWritten, refusalsFrom } from './refusal-rows.js';
import type { RefusalTopic } from './refusal-topic.js';
import { retries } from './retry.js';
import { committedBefore, noteLost, notePartition, noteUnread } from './taking-rows.js';

export interface TenureDeps {
  readonly db: Db;
  readonly settings: KafkaSettings;
  readonly gateway: Gateway;
  readonly logger: Logger;
  /** of the process */
  readonly signal: AbortSignal;
  readonly consumer: Consumer;
  readonly membership: Membership;
  readonly refusals: RefusalTopic;
  readonly works: () => void;
}

/** How long the broker may wait for a record. */
const FETCH_WAIT_MS = 500;
/** Maximum number of records of a partition that are read and not done. */
const MOST_OPEN = 1_000;
/** Maximum number of bytes of such records, over all partitions. */
const MOST_OPEN_BYTES = 32 * 1_048_576;
const AT_ONCE = 32;
const NOTE_EVERY_MS = 5_000;
/** How long until partitions that could not be read are tried again. */
const LOOK_AGAIN_MS = 5_000;
/** Less than the time that a role has to stop. */
const DONE_WITHIN_MS = 1_000;
const COMMIT_WITHIN_MS = 400;
const EARLIEST = -2n;
const LATEST = -1n;
/** A problem that lists the errors of a large body keeps this many. */
const MOST_ERRORS = 20;

/** The time during which this process has the same partitions of the topic. */
export class Tenure {
  private readonly deps: TenureDeps;
  private readonly topic: string;
  /** aborted when no further record may be started */
  private readonly ending: AbortSignal;
  private readonly stopping = new AbortController();
  private readonly forget: () => void;
  private readonly byKey = new ByKey();
  private readonly inTurn = createTurns(AT_ONCE);
  private partitions: ReadonlyMap<number, PartitionProgress> = new Map();
  private topicId = '';
  private noting: Promise<void> | undefined;
  private notedAt = performance.now();

  constructor(deps: TenureDeps) {
    this.deps = deps;
    this.topic = topicsOf(deps.settings).commands;
    this.ending = this.stopping.signal;
    this.forget = stopWith(this.stopping, [deps.signal, deps.membership.held]);
  }

  /** Takes commands until the group rebalances or the process stops. */
  async work(): Promise<void> {
    try {
      const count = await this.begin();
      await this.read(count);
    } finally {
      this.stopping.abort();
      this.forget();
      await this.end();
    }
  }

  /** Resolves when no command is in flight. */
  async allDone(): Promise<void> {
    await this.byKey.allDone();
  }

  /** @returns the number of partitions of the topic */
  private async begin(): Promise<number> {
    const { consumer, db } = this.deps;
    const { topic } = this;
    const { brokers, topics } = await consumer.metadata({ topics: [topic] });
    const { id = '', partitions = [], partitionsCount = 0 } = topics.get(topic) ?? {};
    this.topicId = id;
    const mine = consumer.assignments?.find((one) => one.topic === topic)?.partitions ?? [];
    if (mine.length === 0) return partitionsCount;
    const asked = { topics: [{ topic, partitions: mine }] };
    const committed = (await consumer.listCommittedOffsets(asked)).get(topic) ?? [];
    const found: PartitionProgress[] = [];
    const failed: unknown[] = [];
    for (const partition of mine) {
      try {
        if (!brokers.has(partitions[partition]?.leader ?? -1)) throw new Error('it has no leader');
        found.push(await this.progressOf(partition, committed[partition] ?? -1n));
      } catch (err) {
        failed.push(err);
        const failure = `${topic}:${partition}: ${kafkaProblem(err)}`;
        await noteUnread(db, topic, { topicId: id, partition }, failure).catch(() => undefined);
      }
    }
    if (found.length === 0) throw failed[0];
    if (failed.length > 0) void pause(LOOK_AGAIN_MS, this.ending).then(() => this.stopping.abort());
    this.partitions = new Map(found.map((progress) => [progress.partition, progress]));
    return partitionsCount;
  }

  private async progressOf(partition: number, committed: bigint): Promise<PartitionProgress> {
    const { db, logger } = this.deps;
    const { topic } = this;
    const of = { topicId: this.topicId, partition };
    const [first, end] = await Promise.all([
      this.offsetAt(partition, EARLIEST),
      this.offsetAt(partition, LATEST),
    ]);
    // Kafka forgets the offsets of a group that was idle for a week.
    const at = committed >= 0n ? committed : ((await committedBefore(db, of)) ?? -1n);
    if (at >= 0n && at < first) {
      logger.error(
        { partition, from: at, to: first },
        `records of ${topic} were deleted before they were read`,
      );
      await noteLost(db, topic, of);
    }
    const from = at >= first && at <= end ? at : first;
    return new PartitionProgress(partition, from, await refusalsFrom(db, of, from));
  }

  private async offsetAt(partition: number, timestamp: bigint): Promise<bigint> {
    const { topic } = this;
    const asked = { topics: [topic], partitions: { [topic]: [partition] }, timestamp };
    return (await this.deps.consumer.listOffsets(asked)).get(topic)?.[partition] ?? 0n;
  }

  private async read(count: number): Promise<void> {
    const { ending, partitions } = this;
    while (!ending.aborted) {
      const from = [...partitions.values()].filter(
        ({ openCount, failure }) => openCount < MOST_OPEN && failure === undefined,
      );
      if (from.length === 0 || this.openBytes >= MOST_OPEN_BYTES) await pause(FETCH_WAIT_MS, ending);
      else {
        const offsets = new Map(from.map(({ partition, next }) => [partition, next]));
        const fetched = await fetchCommitted(this.deps.consumer, this.topic, offsets, FETCH_WAIT_MS);
        await this.checkTopic(count);
        if (ending.aborted) return;
        this.take(fetched);
      }
      await this.checkTopic(count);
      await this.commit();
      if (performance.now() - this.notedAt >= NOTE_EVERY_MS) this.note();
      this.deps.works();
    }
  }

  private get openBytes(): number {
    return [...this.partitions.values()].reduce((sum, { openBytes }) => sum + openBytes, 0);
  }

  /**
   * Checks which partitions have a leader.
   *
   * @throws Error if the topic was created again or has more partitions; then another client joins
   */
  private async checkTopic(count: number): Promise<void> {
    const { topic, topicId } = this;
    const { brokers, topics } = await this.deps.consumer.metadata({ topics: [topic] });
    const { id, partitions = [], partitionsCount } = topics.get(topic) ?? {};
    if (id !== topicId) throw new Error(`${topic} was made anew`);
    if (partitionsCount !== count)
      throw new Error(`${topic} has ${partitionsCount} partitions, and had ${count}`);
    for (const progress of this.partitions.values()) {
      const hasLeader = brokers.has(partitions[progress.partition]?.leader ?? -1);
      progress.failure = hasLeader ? undefined : `${topic}:${progress.partition} has no leader`;
    }
  }

  /** Starts as many records as the limits allow; the others are read again later. */
  private take({ records, next }: Fetched): void {
    const full = new Set<number>();
    for (const record of records) {
      const progress = this.partitions.get(record.partition);
      if (progress === undefined || full.has(record.partition)) continue;
      if (progress.openCount >= MOST_OPEN || this.openBytes >= MOST_OPEN_BYTES) full.add(record.partition);
      else this.start(owned(record), progress);
    }
    for (const [partition, offset] of next) {
      const progress = this.partitions.get(partition);
      if (progress !== undefined && !full.has(partition)) progress.next = offset;
    }
  }

  private start(record: CommittedRecord, progress: PartitionProgress): void {
    const { offset, partition, key } = record;
    progress.begin(offset, bytesOf(record));
    this.byKey.add(key?.toString('hex') ?? `${partition}:${offset}`, async () => {
      if (await this.isTaken(record, progress)) progress.end(offset);
    });
  }

  /** True if the record is done; false if the tenure ended before. */
  private async isTaken(record: CommittedRecord, progress: PartitionProgress): Promise<boolean> {
    const { gateway, membership } = this.deps;
    const { offset } = record;
    // It was refused before, and the topic of refusals has the problem.
    if (progress.refused.has(offset) && progress.refused.get(offset) === undefined) return true;
    let problem = progress.refused.get(offset);
    for (let attempt = 1; !this.ending.aborted; attempt += 1) {
      const isDone = await this.inTurn(async () => {
        if (this.ending.aborted || !membership.isHeld) return false;
        if (problem === undefined) {
          const outcome = await handle(gateway, this.topic, record, attempt);
          if (outcome === 'durable') return true;
          if (!(outcome instanceof HttpProblem)) {
            this.wait(record, progress, outcome.again);
            return false;
          }
          problem = this.problemIn(record, outcome);
        }
        return await this.isRefused(record, progress, problem);
      });
      if (isDone) return true;
      await pause(backOffMs(attempt, retries), this.ending);
    }
    return false;
  }

  private wait(record: CommittedRecord, progress: PartitionProgress, why: string): void {
    if (!progress.wait(record.offset, why)) return;
    const place = placeOf(this.topic, record);
    const correlationId = correlationIdOf(this.topic, record);
    this.deps.logger.warn({ record: place, correlationId, why }, 'a command of Kafka waits, and its key');
  }

  private problemIn(record: CommittedRecord, found: HttpProblem): string {
    const { errors, ...members } = found.members;
    const shown = { ...members, ...(errors && { errors: errors.slice(0, MOST_ERRORS) }) };
    const { status, code, message } = found;
    const place = placeOf(this.topic, record);
    const correlationId = correlationIdOf(this.topic, record);
    this.deps.logger.warn(
      { record: place, correlationId, code },
      `a command of Kafka is refused: ${message}`,
    );
    return rawProblem(new HttpProblem(status, code, message, shown), correlationId, place).body;
  }

  /**
   * Stores a refusal, then writes it to the topic of refusals. If another member may have the
   * partition by now, that member decides the command.
   */
  private async isRefused(
    record: CommittedRecord,
    { partition, refused }: PartitionProgress,
    problem: string,
  ): Promise<boolean> {
    const { db, membership, refusals } = this.deps;
    const of = { topicId: this.topicId, partition };
    try {
      if (!membership.isHeld) return false;
      if (!refused.has(record.offset)) await noteRefused(db, of, record.offset, problem);
      refused.set(record.offset, problem);
      if (!membership.isHeld) return false;
      await refusals.write(record, placeOf(this.topic, record), problem);
    } catch (error) {
      const progress = this.partitions.get(partition);
      if (progress !== undefined)
        this.wait(record, progress, `the refusal cannot be written: ${kafkaProblem(error)}`);
      return false;
    }
    // If this fails, a record that is read again is written to the topic of refusals again.
    await noteWritten(db, of, record.offset).catch(() => undefined);
    refused.set(record.offset, undefined);
    return true;
  }

  private async commit(): Promise<void> {
    const { consumer, membership } = this.deps;
    const { topic } = this;
    const moved = [...this.partitions.values()]
      .map((progress) => ({ progress, partition: progress.partition, offset: progress.done }))
      .filter(({ progress, offset }) => offset > progress.committed);
    if (moved.length === 0 || !membership.isHeld) return;
    await consumer.commit({
      offsets: moved.map(({ partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 })),
    });
    for (const { progress, offset } of moved) progress.commit(offset);
  }

  /** Stores the progress for operators. A failure is ignored. */
  private note(): void {
    this.notedAt = performance.now();
    this.noting ??= this.noteAll()
      .catch(() => undefined)
      .finally(() => (this.noting = undefined));
  }

  private async noteAll(): Promise<void> {
    const { db } = this.deps;
    for (const progress of this.partitions.values()) {
      const { partition, failure } = progress;
      const end = failure === undefined ? await this.offsetAt(partition, LATEST) : progress.next;
      await notePartition(db, this.topic, { topicId: this.topicId, partition }, progress, end);
    }
  }

  /** Waits for the commands in flight, so that no command of an order overtakes an earlier one. */
  private async end(): Promise<void> {
    const { membership, signal } = this.deps;
    if (signal.aborted) await withTimeout(DONE_WITHIN_MS, this.allDone()).catch(() => undefined);
    else await this.allDone();
    if (!membership.isHeld) return;
    await withTimeout(COMMIT_WITHIN_MS, this.commit()).catch(() => undefined);
    await withTimeout(COMMIT_WITHIN_MS, this.noteAll()).catch(() => undefined);
  }
}

/** Copies a record. The client's record shares memory with the whole answer of the broker. */
function owned({ key, value, headers, ...rest }: CommittedRecord): CommittedRecord {
  return {
    ...rest,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: new Map([...headers].map(([name, content]) => [name, Buffer.from(content)])),
  };
}

function bytesOf({ key, value, headers }: CommittedRecord): number {
  const sizes = [...headers].map(([name, content]) => Buffer.byteLength(name) + content.length);
  return [key?.length ?? 0, value?.length ?? 0, ...sizes].reduce((sum, size) => sum + size, 0);
}
