import { KeyedQueue } from '../../../concurrency/keyed-queue.js';
import { pause } from '../../../concurrency/pause.js';
import { type CommittedRecord, type Fetched, fetchCommitted } from '../../../kafka/committed-records.js';
import { kafkaProblem } from '../../../kafka/kafka-problem.js';
import { withTimeout } from '../../../outages/timeout.js';
import { type Assignment, type AssignmentDeps, assignmentOf, checkAssignment, endOf } from './assignment.js';
import { type Membership, stopWith } from './membership.js';
import type { PartitionProgress } from './partition-progress.js';
import { createRunUntilDone, type RunDeps } from './run-until-done.js';
import { storePartition } from './store-progress.js';

export interface AssignmentRunDeps extends AssignmentDeps, RunDeps {
  readonly topic: string;
  readonly membership: Membership;
  /** aborts when the process stops */
  readonly signal: AbortSignal;
  /** called after each pass over the partitions */
  readonly onProgress: () => void;
}

/** Runs a record's command after the earlier ones with the same key. Returns without waiting. */
type BeginRecord = (record: CommittedRecord, progress: PartitionProgress) => void;

/** How long the broker may wait for a record. */
const FETCH_WAIT_MS = 500;
/** Maximum number of records of a partition that have been read but are not done yet. */
const MAX_OPEN = 1_000;
/** Maximum size, in bytes, of such records over all partitions: read, but not done yet. */
const MAX_OPEN_BYTES = 32 * 1_048_576;
const STORE_EVERY_MS = 5_000;
/** Delay before partitions that could not be read are read again. */
const LOOK_AGAIN_MS = 5_000;
/** How long a stopping process waits for commands in flight. A role has more time than this. */
const DONE_WITHIN_MS = 1_000;
const COMMIT_WITHIN_MS = 400;

/**
 * One period in which this process has the same partitions of the topic. It reads their records,
 * runs the commands of different keys at the same time, and commits offsets.
 */
export class AssignmentRun {
  private readonly deps: AssignmentRunDeps;
  /** aborted when no further record may be started */
  private readonly ending: AbortSignal;
  private readonly stopping = new AbortController();
  private readonly removeListeners: () => void;
  /** Commands with the same key are run one after another. */
  private readonly byKey = new KeyedQueue();
  private storing: Promise<void> | undefined;
  private storedAt = performance.now();

  constructor(deps: AssignmentRunDeps) {
    this.deps = deps;
    this.ending = this.stopping.signal;
    this.removeListeners = stopWith(this.stopping, [deps.signal, deps.membership.whileHeld]);
  }

  /**
   * Takes commands until the group rebalances, the process stops, or a partition that could not be
   * read is due to be tried again.
   *
   * @throws Error if no partition can be read, or a call to Kafka fails
   */
  async work(): Promise<void> {
    let assignment: Assignment | undefined;
    try {
      assignment = await assignmentOf(this.deps, this.deps.topic);
      if (!assignment.isWhole) void pause(LOOK_AGAIN_MS, this.ending).then(() => this.stopping.abort());
      await this.read(assignment);
    } finally {
      this.stopping.abort();
      this.removeListeners();
      await this.end(assignment);
    }
  }

  /** Resolves when no command is in flight. */
  async allDone(): Promise<void> {
    await this.byKey.allDone();
  }

  private async read(assignment: Assignment): Promise<void> {
    const { ending } = this;
    const runUntilDone = createRunUntilDone(this.deps, assignment, ending);
    const begin: BeginRecord = (record, progress) => {
      const { offset, partition, key } = record;
      progress.begin(offset, bytesOf(record));
      this.byKey.add(key?.toString('hex') ?? `${partition}:${offset}`, async () => {
        if (await runUntilDone(record, progress)) progress.end(offset);
      });
    };
    while (!ending.aborted) {
      await this.readOnce(assignment, begin);
      if (ending.aborted) return;
      await this.commit(assignment);
      if (performance.now() - this.storedAt >= STORE_EVERY_MS) this.storeInBackground(assignment);
      this.deps.onProgress();
    }
  }

  /** Reads more records of each readable partition below its limit, and starts their commands. */
  private async readOnce(assignment: Assignment, begin: BeginRecord): Promise<void> {
    const { consumer, topic } = this.deps;
    const { ending } = this;
    const from = [...assignment.partitions.values()].filter(
      ({ openCount, failure }) => openCount < MAX_OPEN && failure === undefined,
    );
    if (from.length === 0 || openBytesOf(assignment) >= MAX_OPEN_BYTES)
      return await pause(FETCH_WAIT_MS, ending);
    const offsets = new Map(from.map(({ partition, next }) => [partition, next]));
    const fetched = await fetchCommitted(consumer, topic, offsets, FETCH_WAIT_MS);
    // The assignment is checked before a record is started, because a topic that was created again
    // has other records.
    await checkAssignment(consumer, assignment);
    if (ending.aborted) return;
    for (const progress of from) {
      const reason = fetched.failed.get(progress.partition);
      progress.unreadable = reason === undefined ? undefined : unreadableOf(topic, progress, reason);
    }
    beginSome(fetched, assignment, begin);
    // Without this pause, a partition that cannot be read would be fetched again immediately: its
    // broker has records to return, so it does not wait.
    if (fetched.failed.size > 0) await pause(FETCH_WAIT_MS, ending);
  }

  /**
   * Commits the offsets before which all records are done.
   *
   * @throws Error if the topic has more partitions, or was created again and the offsets belong to
   *   other records
   */
  private async commit(assignment: Assignment): Promise<void> {
    const { consumer, membership, topic } = this.deps;
    const moved = [...assignment.partitions.values()]
      .map((progress) => ({ progress, partition: progress.partition, offset: progress.done }))
      .filter(({ progress, offset }) => offset > progress.committed);
    await checkAssignment(consumer, assignment, { forceUpdate: moved.length > 0 });
    if (moved.length === 0 || !membership.isHeld) return;
    await consumer.commit({
      offsets: moved.map(({ partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 })),
    });
    for (const { progress, offset } of moved) progress.commit(offset);
  }

  /** Stores the progress, for operators, while records are read. A failure is ignored. */
  private storeInBackground(assignment: Assignment): void {
    this.storedAt = performance.now();
    this.storing ??= this.storeProgress(assignment)
      .catch(() => undefined)
      .finally(() => (this.storing = undefined));
  }

  private async storeProgress({ topicId, partitions }: Assignment): Promise<void> {
    const { consumer, db, topic } = this.deps;
    for (const progress of partitions.values()) {
      const { partition, failure } = progress;
      const end = failure === undefined ? await endOf(consumer, topic, partition) : progress.next;
      await storePartition(db, topic, { topicId, partition }, progress, end);
    }
  }

  /**
   * Waits for the commands in flight, so that no command of an order overtakes an earlier one. Then
   * commits and stores the progress.
   */
  private async end(assignment: Assignment | undefined): Promise<void> {
    const { membership, signal } = this.deps;
    if (signal.aborted) await withTimeout(DONE_WITHIN_MS, this.allDone()).catch(() => undefined);
    else await this.allDone();
    if (assignment === undefined || !membership.isHeld) return;
    await withTimeout(COMMIT_WITHIN_MS, this.commit(assignment)).catch(() => undefined);
    await withTimeout(COMMIT_WITHIN_MS, this.storeProgress(assignment)).catch(() => undefined);
  }
}

/** Starts as many records as the limits allow. Further records are read again later. */
function beginSome({ records, next }: Fetched, assignment: Assignment, begin: BeginRecord): void {
  const { partitions } = assignment;
  const full = new Set<number>();
  for (const record of records) {
    const progress = partitions.get(record.partition);
    if (progress === undefined || full.has(record.partition)) continue;
    if (progress.openCount >= MAX_OPEN || openBytesOf(assignment) >= MAX_OPEN_BYTES)
      full.add(record.partition);
    else begin(copied(record), progress);
  }
  for (const [partition, offset] of next) {
    const progress = partitions.get(partition);
    if (progress !== undefined && !full.has(partition)) progress.next = offset;
  }
}

function unreadableOf(topic: string, { partition, next }: PartitionProgress, reason: unknown): string {
  return `${topic}:${partition}:${next} cannot be read: ${kafkaProblem(reason)} If the producer compresses in a way that is not known here, set compression.type=uncompressed for the topic, and send those records again.`;
}

function openBytesOf({ partitions }: Assignment): number {
  return [...partitions.values()].reduce((sum, { openBytes }) => sum + openBytes, 0);
}

/**
 * Copies a record. The client's record shares memory with the broker's whole answer, which would
 * stay in memory as long as the record does.
 */
function copied({ key, value, headers, ...rest }: CommittedRecord): CommittedRecord {
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
