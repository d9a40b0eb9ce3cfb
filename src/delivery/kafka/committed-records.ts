import {
  type Consumer,
  FetchIsolationLevels,
  type KafkaRecord,
  type RecordsBatch,
} from '@platformatic/kafka';

/** A record of a transaction that was committed, or of none. */
export interface CommittedRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  /** the last one of each name */
  readonly headers: ReadonlyMap<string, Buffer>;
}

export interface Fetched {
  readonly records: readonly CommittedRecord[];
  /** by partition: from where to read on; absent for a partition that had nothing new */
  readonly next: ReadonlyMap<number, bigint>;
}

const IS_TRANSACTIONAL = 0x10;
const IS_CONTROL = 0x20;
const MOST_BYTES = 4 * 1_048_576;

/**
 * Reads on from these offsets. The client's own filter keeps records of an aborted transaction if
 * another one of the same producer was aborted in the same answer, so it is done here.
 *
 * @param waitMs how long the broker may wait for a record
 */
export async function fetchCommitted(
  consumer: Consumer,
  topic: string,
  from: ReadonlyMap<number, bigint>,
  waitMs: number,
): Promise<Fetched> {
  const metadata = await consumer.metadata({ topics: [topic] });
  const { id: topicId, partitions = [] } = metadata.topics.get(topic) ?? {};
  if (topicId === undefined) throw new Error(`There is no topic ${topic}.`);
  const byLeader = new Map<number, [number, bigint][]>();
  for (const one of from) {
    const { leader = -1 } = partitions[one[0]] ?? {};
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), one]);
  }
  const answers = await Promise.all(
    [...byLeader].map(([node, offsets]) =>
      consumer.fetch({
        node,
        isolationLevel: FetchIsolationLevels.READ_COMMITTED,
        maxWaitTime: waitMs,
        maxBytes: MOST_BYTES,
        topics: [
          {
            topicId,
            partitions: offsets.map(([partition, fetchOffset]) => ({
              partition,
              fetchOffset,
              partitionMaxBytes: MOST_BYTES,
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
            })),
          },
        ],
      }),
    ),
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
    for (const batch of withoutAborted(batches, answer.abortedTransactions))
      for (const record of batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta);
        if (offset >= first) records.push({ partition, offset, ...contentOf(record) });
      }
  }
  return { records, next };
}

interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** Without control batches, and without those of transactions that were aborted. */
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
