import { callbackify } from 'node:util';
import {
  type Consumer,
  FetchIsolationLevels,
  type fetchV17,
  kGetApi,
  type KafkaRecord,
  kPerformWithRetry,
  type RecordsBatch,
} from '@platformatic/kafka';
import { patchSnappy } from './framed-snappy.js';

// The client offers no other way to replace a decompression. Every module that reads records
// imports this file.
patchSnappy();

/** A record that is committed, or was sent without a transaction. */
export interface CommittedRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  /** the last value, if a name occurs several times */
  readonly headers: ReadonlyMap<string, Buffer>;
}

export interface Fetched {
  readonly records: readonly CommittedRecord[];
  /** the next offset to read, by partition; absent for partitions without new records */
  readonly next: ReadonlyMap<number, bigint>;
  /** why a partition could not be read, by partition; all other partitions were read */
  readonly failed: ReadonlyMap<number, unknown>;
}

const IS_TRANSACTIONAL = 0x10;
const IS_CONTROL = 0x20;
const MAX_RESPONSE_BYTES = 4 * 1_048_576;
/** A broker answers as soon as it has any record. */
const MIN_RESPONSE_BYTES = 1;
/** Each request names its partitions; the broker remembers none. */
const NO_SESSION = { id: 0, epoch: 0, forgotten: [] };
/** Without a rack, a broker names no preferred read replica, so the leader answers. */
const NO_RACK = '';

/**
 * Reads records from these offsets on. Aborted records are left out here, because the client's
 * filter is wrong if an answer has aborted and committed transactions of one producer: it drops
 * committed records and keeps aborted ones.
 *
 * @param waitMs how long the broker may wait for a record
 * @throws Error if no partition can be read; otherwise, `failed` has those that cannot
 */
export async function fetchCommitted(
  consumer: Consumer,
  topic: string,
  from: ReadonlyMap<number, bigint>,
  waitMs: number,
): Promise<Fetched> {
  return await fetchRecords(consumer, topic, from, waitMs, FetchIsolationLevels.READ_COMMITTED);
}

/** The first record from an offset on, committed or not; undefined if there is none. */
export async function fetchAnyRecord(
  consumer: Consumer,
  topic: string,
  { partition, offset }: { readonly partition: number; readonly offset: bigint },
  waitMs: number,
): Promise<CommittedRecord | undefined> {
  const from = new Map([[partition, offset]]);
  const level = FetchIsolationLevels.READ_UNCOMMITTED;
  return (await fetchRecords(consumer, topic, from, waitMs, level)).records[0];
}

async function fetchRecords(
  consumer: Consumer,
  topic: string,
  from: ReadonlyMap<number, bigint>,
  waitMs: number,
  isolationLevel: number,
): Promise<Fetched> {
  const { answers, failed } = await repeated(consumer, () =>
    askLeaders(consumer, topic, from, waitMs, isolationLevel),
  );
  const records: CommittedRecord[] = [];
  const next = new Map<number, bigint>();
  for (const { partitionIndex: partition, ...answer } of answers
    .flatMap(({ responses }) => responses)
    .flatMap((one) => one.partitions)) {
    const batches = answer.records ?? [];
    const last = batches.at(-1);
    if (last === undefined) continue;
    next.set(partition, lastOffset(last) + 1n);
    const first = from.get(partition) ?? 0n;
    for (const batch of withoutAborted(batches, answer.abortedTransactions ?? []))
      for (const record of batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta);
        if (offset >= first) records.push({ partition, offset, ...contentOf(record) });
      }
  }
  return { records, next, failed };
}

type Offset = readonly [partition: number, offset: bigint];

interface Answered {
  readonly answers: readonly fetchV17.FetchResponse[];
  /** why a partition was not read */
  readonly failed: ReadonlyMap<number, unknown>;
}

/**
 * Requests records from the leaders of the partitions. If a request for several partitions fails,
 * each of them is then requested alone.
 */
async function askLeaders(
  consumer: Consumer,
  topic: string,
  from: ReadonlyMap<number, bigint>,
  waitMs: number,
  isolationLevel: number,
): Promise<Answered> {
  const { brokers, topics } = await consumer.metadata({ topics: [topic] });
  const { id: topicId, partitions = [] } = topics.get(topic) ?? {};
  if (topicId === undefined) throw new Error(`There is no topic ${topic}.`);
  const byLeader = new Map<number, Offset[]>();
  for (const one of from) {
    const { leader = -1 } = partitions[one[0]] ?? {};
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), one]);
  }
  const ask = async (node: number, offsets: readonly Offset[], forMs: number) => {
    const broker = brokers.get(node);
    if (broker === undefined) throw new Error(`A partition of the topic ${topic} has no leader.`);
    const [api, connection] = [await fetchApi(consumer), await consumer.connections.get(broker)];
    const asked = [{ topicId, partitions: offsets.map(partitionToFetch) }];
    const { id, epoch, forgotten } = NO_SESSION;
    return await api.async(
      connection,
      forMs,
      MIN_RESPONSE_BYTES,
      MAX_RESPONSE_BYTES,
      isolationLevel,
      id,
      epoch,
      asked,
      forgotten,
      NO_RACK,
    );
  };
  const leaders = [...byLeader];
  const outcomes = await Promise.allSettled(leaders.map(([node, offsets]) => ask(node, offsets, waitMs)));
  const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  const failed = new Map<number, unknown>();
  for (const [leader, outcome] of outcomes.entries()) {
    const [node, offsets] = leaders[leader] ?? [-1, []];
    if (outcome.status === 'fulfilled') continue;
    // The leaders may have changed.
    consumer.clearMetadata();
    // One batch that cannot be decoded fails the answer for all partitions of the leader. So each
    // partition is then read alone.
    const alone =
      offsets.length === 1 ? [outcome] : await Promise.allSettled(offsets.map((one) => ask(node, [one], 0)));
    for (const [index, one] of alone.entries()) {
      if (one.status === 'fulfilled') answers.push(one.value);
      else failed.set(offsets[index]?.[0] ?? -1, one.reason);
    }
  }
  const [reason] = failed.values();
  if (answers.length === 0 && failed.size > 0) throw reason;
  return { answers, failed };
}

function partitionToFetch([partition, fetchOffset]: Offset) {
  return {
    partition,
    fetchOffset,
    partitionMaxBytes: MAX_RESPONSE_BYTES,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  };
}

type FetchApi = typeof fetchV17.api;

/**
 * The highest version that client and broker support. All versions that name topics by id have the
 * same shape.
 */
async function fetchApi(consumer: Consumer): Promise<FetchApi> {
  return await new Promise((resolve, reject) => {
    consumer[kGetApi]<Parameters<typeof fetchV17.createRequest>, fetchV17.FetchResponse>(
      'Fetch',
      (error, api) => {
        if (api === undefined) reject(error ?? new Error('There is no API to fetch records.'));
        else resolve(api);
      },
    );
  });
}

/** Repeats failed work as the client's options say. */
async function repeated<T>(consumer: Consumer, work: () => Promise<T>): Promise<T> {
  return await new Promise((resolve, reject) => {
    const once = callbackify(work);
    void consumer[kPerformWithRetry]<T>('fetch', once, (error, result) => {
      if (error === null) resolve(result as T);
      else reject(error);
    });
  });
}

interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** The batches without control batches and without aborted ones. */
function withoutAborted(batches: readonly RecordsBatch[], aborted: readonly Aborted[]): RecordsBatch[] {
  const begin = aborted.toSorted((a, b) => Number(a.firstOffset - b.firstOffset));
  const aborting = new Set<bigint>();
  return batches.filter((batch) => {
    while (begin[0] !== undefined && begin[0].firstOffset <= lastOffset(batch))
      aborting.add(begin.shift()?.producerId ?? -1n);
    if ((batch.attributes & IS_CONTROL) !== 0) {
      if (isAbort(batch)) aborting.delete(batch.producerId);
      return false;
    }
    return (batch.attributes & IS_TRANSACTIONAL) === 0 || !aborting.has(batch.producerId);
  });
}

/** The key of a control record is its version and its type: 0 aborts, 1 commits. */
function isAbort({ records: [marker] }: RecordsBatch): boolean {
  return marker?.key?.readInt16BE(2) === 0;
}

function lastOffset({ firstOffset, lastOffsetDelta }: RecordsBatch): bigint {
  return firstOffset + BigInt(lastOffsetDelta);
}

function contentOf({ key, value, headers }: KafkaRecord): Pick<CommittedRecord, 'key' | 'value' | 'headers'> {
  return {
    key: key ?? undefined,
    value: value ?? undefined,
    headers: new Map(
      headers.map(([name, content]) => [name?.toString('utf8') ?? '', content ?? Buffer.alloc(0)]),
    ),
  };
}
