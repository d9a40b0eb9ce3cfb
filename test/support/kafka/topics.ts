import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Admin, Consumer, FetchIsolationLevels, Producer } from '@platformatic/kafka';
import { type CommittedRecord, fetchCommitted } from '../../../src/kafka/committed-records.js';
import { clientOptions } from '../../../src/kafka/connection.js';
import { type KafkaSettings, topicsOf } from '../../../src/kafka/settings.js';
import { everyEvent } from '../../../src/selection.js';
import type { Broker } from './broker.js';

/** @param address `host:port`, or several with commas between */
export function settingsOf({ address }: Pick<Broker, 'address'>, prefix = 'orders'): KafkaSettings {
  const brokers = address.split(',').map((one) => {
    const [host = '', port] = one.split(':');
    return { host, port: Number(port) };
  });
  const topics = { topic: `${prefix}.events`, commandsTopic: `${prefix}.commands` };
  return { brokers, ...topics, partitions: 3, selection: everyEvent };
}

/** All records of a topic that are committed now, by partition and offset. */
export async function readTopic(settings: KafkaSettings, topic: string): Promise<readonly CommittedRecord[]> {
  const consumer = new Consumer({ ...clientOptions(settings), groupId: 'test' });
  try {
    const ask = { topics: [topic], isolationLevel: 1 };
    const ends = (await consumer.listOffsets({ ...ask, timestamp: -1n })).get(topic) ?? [];
    const at = new Map(ends.map((_end, partition) => [partition, 0n]));
    const found: CommittedRecord[] = [];
    for (;;) {
      const left = new Map([...at].filter(([partition, offset]) => offset < (ends[partition] ?? 0n)));
      if (left.size === 0) return found;
      const { records, next } = await fetchCommitted(consumer, topic, left, 100);
      found.push(...records);
      for (const [partition, offset] of next) at.set(partition, offset);
    }
  } finally {
    await consumer.close();
  }
}

/** The headers of a record, as text. */
export function headersOf({ headers }: CommittedRecord): Readonly<Record<string, string>> {
  return Object.fromEntries([...headers].map(([name, value]) => [name, value.toString()]));
}

/** `<generation>/<position>` of each record, sorted. */
export function positionsOf(records: readonly CommittedRecord[]): readonly string[] {
  return records
    .map(headersOf)
    .toSorted((a, b) => Number(a['ce_sequence']) - Number(b['ce_sequence']))
    .map(({ ce_generation, ce_sequence }) => `${ce_generation}/${ce_sequence}`);
}

export interface Sent {
  readonly key?: string | undefined;
  readonly value: string | Buffer;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
  readonly partition?: number;
}

export async function send(settings: KafkaSettings, topic: string, records: readonly Sent[]): Promise<void> {
  const producer = new Producer({ ...clientOptions(settings), acks: -1 });
  try {
    await producer.send({
      acks: -1,
      messages: records.map(({ key, value, headers = {}, partition }) => ({
        topic,
        value: Buffer.from(value),
        headers: new Map(
          Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
        ),
        ...(key !== undefined && { key: Buffer.from(key) }),
        ...(partition !== undefined && { partition }),
      })),
    });
  } finally {
    await producer.close();
  }
}

/**
 * The id of the node that leads the first partition of a topic, which may be one of Kafka's own.
 */
export async function leaderOf(
  { address, jars }: Pick<Broker, 'address' | 'jars'>,
  topic: string,
): Promise<number> {
  const args = ['--bootstrap-server', address, '--describe', '--topic', topic];
  const { stdout } = await promisify(execFile)('java', [
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-cp',
    join(jars, '*'),
    'org.apache.kafka.tools.TopicCommand',
    ...args,
  ]);
  const leader = /Partition: 0\s+Leader: (\d+)/.exec(stdout)?.[1];
  if (leader === undefined) throw new Error(`${topic} has no leader: ${stdout}`);
  return Number(leader);
}

/** The number of records that were sent to a topic, committed or not, with control records. */
export async function sentTo(settings: KafkaSettings, topic: string): Promise<bigint> {
  const consumer = new Consumer({ ...clientOptions(settings), groupId: 'test' });
  try {
    const ends = await consumer.listOffsets({
      topics: [topic],
      isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
    });
    return (ends.get(topic) ?? []).reduce((sum, end) => sum + end, 0n);
  } finally {
    await consumer.close();
  }
}

export async function deleteTopic(settings: KafkaSettings, topic: string): Promise<void> {
  const admin = new Admin(clientOptions(settings));
  try {
    await admin.deleteTopics({ topics: [topic] });
  } finally {
    await admin.close();
  }
}

/** The headers of this many committed records, as Kafka's own console consumer reads them. */
export async function consoleConsumer(
  { address, jars }: Pick<Broker, 'address' | 'jars'>,
  topic: string,
  most: number,
): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(
    'java',
    `-Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp ${join(jars, '*')}
     org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server ${address} --topic ${topic}
     --from-beginning --isolation-level read_committed --max-messages ${most} --timeout-ms 60000
     --formatter-property print.headers=true --formatter-property print.value=false`.split(/\s+/),
    { maxBuffer: 1_000_000_000 },
  );
  return stdout.split('\n').filter((line) => line !== '');
}

/** The number of records of commands that the consumer group has not committed. */
export async function uncommitted(settings: KafkaSettings): Promise<bigint> {
  const { commands: topic } = topicsOf(settings);
  const consumer = new Consumer({ ...clientOptions(settings), groupId: topic });
  try {
    const ends = (await consumer.listOffsets({ topics: [topic], timestamp: -1n })).get(topic) ?? [];
    const topics = [{ topic, partitions: ends.map((_end, partition) => partition) }];
    const committed = (await consumer.listCommittedOffsets({ topics })).get(topic) ?? [];
    return ends.reduce((sum, end, partition) => {
      const at = committed[partition] ?? -1n;
      return sum + end - (at < 0n ? 0n : at);
    }, 0n);
  } finally {
    await consumer.close();
  }
}

/** The partitions of the commands that each member of the group takes. */
export async function takersOf(settings: KafkaSettings): Promise<ReadonlyMap<string, readonly number[]>> {
  const { commands: topic } = topicsOf(settings);
  const admin = new Admin(clientOptions(settings));
  try {
    const group = (await admin.describeGroups({ groups: [topic] })).get(topic);
    const taken = [...(group?.members ?? [])].map(
      ([member, { assignments }]) => [member, assignments?.get(topic)?.partitions ?? []] as const,
    );
    return new Map(taken.filter(([, partitions]) => partitions.length > 0));
  } finally {
    await admin.close();
  }
}
