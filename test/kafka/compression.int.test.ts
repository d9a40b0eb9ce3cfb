import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compressionsAlgorithms, Consumer } from '@platformatic/kafka';
import { fetchCommitted } from '../../src/kafka/committed-records.js';
import { clientOptions } from '../../src/kafka/connection.js';
import { ensureTopics } from '../../src/kafka/topics.js';
import { type Broker, startBroker } from '../support/kafka/broker.js';
import { readTopic, send, settingsOf } from '../support/kafka/topics.js';

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker();
});
afterAll(async () => await broker?.stop());

type Keyed = readonly [key: string, value: string];

const large = 'x'.repeat(200_000);
const sent: readonly Keyed[] = [
  ['a', large],
  ['b', 'two'],
  ['c', 'three'],
];

/** Sends records as Java's own producer does. */
async function produce(topic: string, codec: string, records: readonly Keyed[] = sent): Promise<void> {
  const tool = 'org.apache.kafka.tools.ConsoleProducer';
  const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
  const to = ['--bootstrap-server', broker.address, '--topic', topic, '--compression-codec', codec];
  const keys = ['parse.key=true', 'key.separator=:'].flatMap((one) => ['--reader-property', one]);
  const args = ['-Xmx128m', log, '-cp', join(broker.jars, '*'), tool, ...to, ...keys];
  await new Promise<void>((resolve, reject) => {
    const child = execFile('java', args, (error, _out, complaint) => {
      if (error === null) resolve();
      else reject(new Error(complaint, { cause: error }));
    });
    child.stdin?.end(records.map(([key, value]) => `${key}:${value}\n`).join(''));
  });
}

// Codecs that this client does not know, or does not know on every version of Node.js.
test.each(['snappy', 'zstd'])('commands of a producer that compresses by %s are read', async (codec) => {
  const settings = settingsOf(broker, codec);
  const topic = `${codec}.commands`;
  await ensureTopics(settings, [{ name: topic, isDecompressed: true }]);
  await produce(topic, codec);
  const records = await readTopic(settings, topic);
  const found = records.map(({ key, value }) => [String(key), String(value)]);
  expect(found.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))).toEqual(sent);
});

test.each(['gzip', 'snappy', 'lz4'])('commands of a topic that stores %s are read', async (codec) => {
  const settings = settingsOf(broker, `kept-${codec}`);
  const topic = `kept-${codec}.commands`;
  await ensureTopics(settings, [{ name: topic }]);
  await produce(topic, codec);
  expect(await readTopic(settings, topic)).toHaveLength(sent.length);
});

test('a partition with a batch that cannot be decoded does not hold up the other partitions', async () => {
  const settings = settingsOf(broker, 'undecoded');
  const topic = 'undecoded.commands';
  const partitions = [0, 1, 2];
  await ensureTopics(settings, [{ name: topic }]);
  await produce(topic, 'gzip', [['a', large]]);
  const [undecoded, ...nothing] = (await readTopic(settings, topic)).map(({ partition }) => partition);
  expect(nothing).toEqual([]);
  const others = partitions.filter((partition) => partition !== undecoded);
  await send(
    settings,
    topic,
    others.map((partition) => ({ key: 'b', value: 'two', partition })),
  );
  // Simulates a version of Node.js that lacks a codec.
  const { gzip } = compressionsAlgorithms as {
    readonly gzip: { decompressSync: (data: Buffer) => Buffer };
  };
  const decompress = gzip.decompressSync;
  gzip.decompressSync = () => {
    throw new Error('gzip is not supported');
  };
  const consumer = new Consumer({ ...clientOptions(settings), groupId: 'test' });
  try {
    const from = new Map(partitions.map((partition) => [partition, 0n]));
    const { failed, records } = await fetchCommitted(consumer, topic, from, 100);
    expect([...failed]).toEqual([[undecoded, expect.objectContaining({ message: 'gzip is not supported' })]]);
    expect(new Set(records.map(({ partition }) => partition))).toEqual(new Set(others));
  } finally {
    gzip.decompressSync = decompress;
    await consumer.close();
  }
});
