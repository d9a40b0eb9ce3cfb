import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Consumer } from '@platformatic/kafka';
import { readCheckpoint } from '../../src/delivery/kafka/checkpoint.js';
import { clientOptions, closeClient } from '../../src/kafka/connection.js';
import { encoded } from '../../src/delivery/kafka/records.js';
import { openSession } from '../../src/delivery/kafka/session.js';
import { TransactionalProducer } from '../../src/delivery/kafka/transactional-producer.js';
import { feedHead } from '../../src/log/feed/feed.js';
import { journal } from '../../src/log/journal/journal.js';
import { orderLog } from '../../src/order-log.js';
import { type Broker, startBroker } from '../support/kafka/broker.js';
import { createRecord, noteRecord, notesOf } from '../support/kafka/commands.js';
import { fillFeed } from '../support/kafka/fill-feed.js';
import {
  consoleConsumer,
  deleteTopic,
  headersOf,
  positionsOf,
  readTopic,
  send,
  sentTo,
  settingsOf,
  takersOf,
  uncommitted,
} from '../support/kafka/topics.js';
import type { RoleProcess } from '../support/role-process.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const topic = 'orders.events';
const patience = 180;
let broker: Broker;
let system: System;

beforeEach(async () => {
  broker = await startBroker();
  system = createSystem();
});
afterEach(async () => {
  await system.end();
  await broker.stop();
}, 60_000);

const settings = () => settingsOf(broker);
const startRole = (more: Readonly<Record<string, string>> = {}) =>
  system.start('kafka', { KAFKA_BROKERS: broker.address, ...more });

const fill = (from: number, to: number) => fillFeed(system.db, from, to);
const positions = (count: number) => Array.from({ length: count }, (_, index) => `1/${index + 1}`);

async function untilPublished(count: number): Promise<void> {
  await until(async () => expect(await sentNow()).toBeGreaterThanOrEqual(BigInt(count)), patience);
  await until(
    async () => expect((await readTopic(settings(), topic)).length).toBeGreaterThanOrEqual(count),
    patience,
  );
  expect(positionsOf(await readTopic(settings(), topic))).toEqual(positions(count));
}

async function untilPublishing(): Promise<void> {
  await until(async () => expect(await sentNow()).toBeGreaterThan(0n), patience);
}

test('Kafka’s own consumer reads each of 100,000 positions once, whatever is killed', async () => {
  const [count, batch] = [100_000, 20_000];
  let role = await startRole();
  for (let last = batch; last <= count; last += batch) {
    const before = await sentNow();
    await fill(last - batch + 1, last);
    await until(async () => expect(await sentNow()).toBeGreaterThan(before), patience);
    await role.kill();
    role = await startRole();
  }
  await until(async () => expect(await sentNow()).toBeGreaterThanOrEqual(BigInt(count)), patience);
  await until(async () => expect(await readTopic(settings(), topic)).toHaveLength(count), patience);
  const lines = await consoleConsumer(broker, topic, count);
  const seen = lines.map((line) => Number(/ce_sequence:(\d+)/.exec(line)?.[1]));
  expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
}, 600_000);

/** The number of records and transaction markers in the topic, which is cheap to read. */
async function sentNow(): Promise<bigint> {
  return await sentTo(settings(), topic).catch(() => 0n);
}

test('with a filter, each chosen position is read once, whatever is killed', async () => {
  const [batch, every] = [20_000, 1_000];
  const chosen: number[] = [];
  const filter = { KAFKA_EVENTS: 'OrderReleased,OrderHeld' };
  for (let last = batch; last <= 3 * batch; last += batch) {
    const before = await checkpointNow();
    for (let position = last - batch + 7; position <= last; position += every) chosen.push(position);
    await fill(last - batch + 1, last);
    const $set = { type: 'OrderReleased' };
    await journal(orderLog, system.db).updateMany({ position: { $in: chosen } }, { $set });
    const role = await startRole(filter);
    await until(async () => expect(await checkpointNow()).toBeGreaterThan(before), patience);
    await role.kill();
  }
  await startRole(filter);
  await until(async () => expect(await checkpointNow()).toBe(3 * batch), patience);
  expect(positionsOf(await readTopic(settings(), topic))).toEqual(chosen.map((position) => `1/${position}`));
}, 600_000);

/** The position of the checkpoint in Kafka; 0 before there is one. */
async function checkpointNow(): Promise<number> {
  const consumer = new Consumer({ ...clientOptions(settings()), groupId: 'test' });
  try {
    const found = await readCheckpoint(consumer, `${topic}.checkpoints`).catch(() => undefined);
    return found?.position ?? 0;
  } finally {
    await consumer.close();
  }
}

test('a transaction whose broker is killed ends when the broker is back', async () => {
  await fill(1, 20_000);
  await startRole();
  await untilPublishing();
  await broker.kill();
  await broker.start();
  await untilPublished(20_000);
  await broker.kill();
  await fill(20_001, 20_500);
  await broker.start();
  await untilPublished(20_500);
}, 600_000);

test('a process that dies between sending and the commit leaves no visible record', async () => {
  const place = { generation: 1, position: 100 };
  const first = await openSession({ settings: settings() });
  const { topicId } = first.checkpoint;
  await first.close();
  // A producer that leaves its transaction open.
  const dying = new TransactionalProducer({
    ...clientOptions(settings()),
    idempotent: true,
    transactionalId: topic,
  });
  const transaction = await dying.beginTransaction({ producerId: -1n, producerEpoch: -1 });
  const checkpoint = encoded({
    topic: `${topic}.checkpoints`,
    key: topic,
    value: JSON.stringify({ ...place, topicId }),
  });
  await transaction.send({ messages: [encoded({ topic, key: 'half', value: '{}' }), checkpoint] });
  expect(await sentTo(settings(), topic)).toBe(1n);
  await broker.kill();
  await closeClient(dying);
  await broker.start();
  expect(await readTopic(settings(), topic)).toHaveLength(0);
  const next = await openSession({ settings: settings() });
  expect(next.checkpoint).toMatchObject({ position: 0 });
  await next.publish([encoded({ topic, key: 'whole', value: '{}' })], place);
  await next.close();
  await until(async () => {
    const keys = (await readTopic(settings(), topic)).map(({ key }) => String(key));
    expect(keys).toEqual(['whole']);
  });
  const last = await openSession({ settings: settings() });
  expect(last.checkpoint).toMatchObject(place);
  await last.close();
}, 300_000);

test('one of two processes publishes, and a frozen one that resumes can publish nothing', async () => {
  await fill(1, 30_000);
  const first = await startRole();
  await untilPublishing();
  first.freeze();
  await startRole();
  await untilPublished(30_000);
  first.thaw();
  await fill(30_001, 31_000);
  await untilPublished(31_000);
}, 600_000);

test('a deleted topic is made again and gets the whole feed', async () => {
  await fill(1, 500);
  await startRole();
  await untilPublished(500);
  await deleteTopic(settings(), topic);
  await fill(501, 600);
  await untilPublished(600);
}, 600_000);

test('when checkpoints are lost, nothing is published twice, and readiness says why', async () => {
  await fill(1, 500);
  const role = await startRole();
  await untilPublished(500);
  await role.kill();
  await deleteTopic(settings(), `${topic}.checkpoints`);
  await startRole();
  const { address } = await system.start('read', { KAFKA_BROKERS: broker.address });
  await until(async () => {
    const ready = await (await fetch(`${address}/health/ready`)).text();
    expect(ready).toContain('does not say up to which position');
  }, patience);
  expect(await readTopic(settings(), topic)).toHaveLength(500);
}, 600_000);

test('processes that start and die take each command once, in the order of its key', async () => {
  const ids = Array.from({ length: 20 }, () => randomUUID());
  let role: RoleProcess = await startRole();
  await system.start('worker,feed');
  await until(async () => await send(settings(), 'orders.commands', ids.map(createRecord)), patience);
  const texts = Array.from({ length: 20 }, (_, index) => `note ${index}`);
  const records = texts.flatMap((text) => ids.map((id) => noteRecord(id, text)));
  await send(settings(), 'orders.commands', records.slice(0, 200));
  await role.kill();
  role = await startRole();
  await startRole();
  await send(settings(), 'orders.commands', records.slice(200));
  await role.kill();
  await until(async () => expect(await uncommitted(settings())).toBe(0n), patience);
  await until(async () => {
    for (const id of ids) expect(await notesOf(system, id)).toEqual(texts);
  }, patience);
  expect(await readTopic(settings(), 'orders.commands.refused')).toHaveLength(0);
}, 600_000);

test('an outage of workers delays commands and refuses none, and rebalancing skips none', async () => {
  const ids = Array.from({ length: 5 }, () => randomUUID());
  await startRole();
  await until(async () => await send(settings(), 'orders.commands', ids.map(createRecord)), patience);
  await send(
    settings(),
    'orders.commands',
    ids.map((id) => noteRecord(id, 'first')),
  );
  // Without a worker, the first process is still waiting for answers when a second one joins.
  const all = new Set([0, 1, 2, 3, 4, 5]);
  const [first = '', ...nobody] = await until(async () => {
    const takers = await takersOf(settings());
    expect(new Set([...takers.values()].flat())).toEqual(all);
    return [...takers.keys()];
  }, patience);
  expect(nobody).toEqual([]);
  await startRole();
  await until(async () => {
    const takers = await takersOf(settings());
    expect(new Set([...takers.values()].flat())).toEqual(all);
    // The second process then has partitions that the first one had.
    expect([...takers.keys()].filter((member) => member !== first)).toHaveLength(1);
  }, patience);
  await send(
    settings(),
    'orders.commands',
    ids.map((id) => noteRecord(id, 'second')),
  );
  await system.start('worker,feed');
  await until(async () => expect(await uncommitted(settings())).toBe(0n), patience);
  await until(async () => {
    for (const id of ids) expect(await notesOf(system, id)).toEqual(['first', 'second']);
  }, patience);
  expect(await readTopic(settings(), 'orders.commands.refused')).toHaveLength(0);
  const head = await feedHead(orderLog, system.db);
  await until(
    async () => expect((await readTopic(settings(), topic)).length).toBeGreaterThanOrEqual(head),
    patience,
  );
  const [record] = await readTopic(settings(), topic);
  expect(record && headersOf(record)).toMatchObject({ ce_specversion: '1.0' });
}, 600_000);
