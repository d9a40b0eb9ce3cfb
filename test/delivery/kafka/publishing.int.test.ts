import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Consumer, kListApis } from '@platformatic/kafka';
import type { Db } from 'mongodb';
import { readCheckpoint } from '../../../src/delivery/kafka/checkpoint.js';
import { clientOptions } from '../../../src/kafka/connection.js';
import { hangingPartitions, wasCommitted } from '../../../src/delivery/kafka/hanging-transactions.js';
import {
  kafkaRows,
  clearFailure,
  storeFailure,
  storePlace,
} from '../../../src/delivery/kafka/publishing-progress.js';
import { publishFeed } from '../../../src/delivery/kafka/publishing.js';
import { encoded } from '../../../src/delivery/kafka/records.js';
import { openSession } from '../../../src/delivery/kafka/session.js';
import { type KafkaSettings, topicsOf } from '../../../src/kafka/settings.js';
import { ensureTopics } from '../../../src/kafka/topics.js';
import { TransactionalProducer } from '../../../src/delivery/kafka/transactional-producer.js';
import { subscriptionsStatus } from '../../../src/delivery/subscription-status.js';
import { everyEvent } from '../../../src/selection.js';
import { feedHead } from '../../../src/log/feed/feed.js';
import { beginGeneration } from '../../../src/log/feed/generations.js';
import { eventOf, journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { type Broker, startBroker } from '../../support/kafka/broker.js';
import {
  deleteTopic,
  headersOf,
  positionsOf,
  readTopic,
  sentTo,
  settingsOf,
} from '../../support/kafka/topics.js';
import { startSequencing } from '../../support/sequencing.js';
import { until } from '../../support/until.js';

let api: TestApi;
let db: Db;
let broker: Broker;
let stopSequencing: (() => Promise<void>) | undefined;

beforeAll(async () => {
  [api, broker] = await Promise.all([startTestApi(), startBroker()]);
  ({ db } = api.mongo);
  await api.startWorker();
  stopSequencing = startSequencing(db);
});
afterAll(async () => {
  await stopSequencing?.();
  await Promise.all([api?.close(), broker?.stop()]);
});

/** The task of the role `kafka`. */
function startPublishing(settings = settingsOf(broker)) {
  const stopping = new AbortController();
  const system = () => Promise.resolve('this system');
  const { work } = publishFeed({ db, tail: api.tail, settings, system });
  const done = work(stopping.signal, () => undefined);
  return {
    done,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

const published = () => readTopic(settingsOf(broker), 'orders.events');

/** The head of the feed, once each event has a position. */
async function finalHead(): Promise<number> {
  return await until(async () => {
    const [first, rest] = [await feedHead(orderLog, db), await journal(orderLog, db).countDocuments()];
    expect(first).toBe(rest);
    return first;
  });
}

/** Waits until the topic has the whole feed, each position once. */
async function untilPublished(generation = 1): Promise<void> {
  const head = await finalHead();
  const all = Array.from({ length: head }, (_, index) => `${generation}/${index + 1}`);
  await until(async () => expect(positionsOf(await published())).toEqual(all));
}

test('each event is a record once, in the binary form of CloudEvents, whichever process publishes it', async () => {
  const orderId = await placedOrder(api);
  const first = startPublishing();
  await untilPublished();
  await first.stop();
  const second = startPublishing();
  await placedOrder(api);
  await untilPublished();
  await second.stop();
  const ofOrder = (await published()).filter(({ key }) => key?.toString() === orderId);
  const stored = await journal(orderLog, db).find({ orderId }).sort({ version: 1 }).toArray();
  expect(ofOrder.map(({ value }) => JSON.parse(String(value)))).toEqual(
    stored.map((event) => ({ ...eventOf(event), position: event.position })),
  );
  expect(new Set(ofOrder.map(({ partition }) => partition)).size).toBe(1);
  expect(ofOrder.map(headersOf)[0]).toEqual({
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: `${orderId}:1`,
    ce_source: '/v1/orders',
    ce_type: 'order.created.v3',
    ce_subject: orderId,
    ce_time: stored[0]?.occurredAt,
    ce_sequence: String(stored[0]?.position),
    ce_generation: '1',
  });
});

test('only chosen events are published; the checkpoint passes the rest, and the choice may change', async () => {
  const all = settingsOf(broker, 'chosen');
  const { events: topic, checkpoints } = topicsOf(all);
  const consumer = new Consumer({ ...clientOptions(all), groupId: 'test' });
  /** Publishes to the end of the feed. */
  const publishAll = async (chosen: Partial<KafkaSettings['selection']>) => {
    const publishing = startPublishing({ ...all, selection: { ...everyEvent, ...chosen } });
    const head = await finalHead();
    await until(async () => {
      expect(await readCheckpoint(consumer, checkpoints)).toMatchObject({ generation: 1, position: head });
    });
    await publishing.stop();
    return await readTopic(all, topic);
  };
  const [gift] = await Promise.all([placedOrder(api, { tags: ['gift, wrapped'] }), placedOrder(api)]);
  const eventTypes = ['OrderCreated', 'OrderConfirmed'];
  const first = await publishAll({ eventTypes, tags: ['gift, wrapped'], payload: 'order' });
  const stored = await journal(orderLog, db)
    .find({ orderId: gift, type: { $in: eventTypes } })
    .sort({ version: 1 })
    .toArray();
  expect(positionsOf(first)).toEqual(stored.map(({ position }) => `1/${position}`));
  expect(first.map(({ value }) => JSON.parse(String(value)))).toEqual(
    stored.map(({ version, position }) => ({
      event: expect.objectContaining({ orderId: gift, version, position }),
      order: expect.objectContaining({ orderId: gift, version, tags: ['gift, wrapped'] }),
    })),
  );
  await placedOrder(api);
  expect(await publishAll({ customers: ['c-nobody'] })).toHaveLength(first.length);
  const passed = await finalHead();
  const last = await placedOrder(api);
  // Records of several partitions are in no order.
  const more = (await publishAll({ payload: 'thin' })).filter(({ key }) => key?.toString() === last);
  expect(more.map(({ value }) => JSON.parse(String(value)))).toEqual(
    [1, 2, 3, 4].map((version) => ({ orderId: last, version })),
  );
  const later = Array.from({ length: 4 }, (_, index) => `1/${passed + index + 1}`);
  expect(positionsOf(await readTopic(all, topic))).toEqual([...positionsOf(first), ...later]);
  await consumer.close();
});

test('an unreadable order keeps no event from the topic', async () => {
  const settings = {
    ...settingsOf(broker, 'unread'),
    selection: { ...everyEvent, payload: 'order' as const },
  };
  const { events: topic } = topicsOf(settings);
  const [unreadable, other] = [await placedOrder(api), await placedOrder(api)];
  const head = await finalHead();
  const broken = { _id: `${unreadable}:2` };
  const stored = await journal(orderLog, db).findOne(broken);
  await journal(orderLog, db).updateOne(broken, { $set: { type: 'OrderTeleported' } });
  const publishing = startPublishing(settings);
  await until(async () => expect(await readTopic(settings, topic)).toHaveLength(head));
  await publishing.stop();
  await journal(orderLog, db).updateOne(broken, { $set: { type: stored?.type ?? '' } });
  const data = (await readTopic(settings, topic)).map(({ value }) => JSON.parse(String(value)));
  const withOrder = (orderId: string) =>
    data.filter(({ event }) => event.orderId === orderId).map(({ order }) => order?.version);
  expect(withOrder(unreadable)).toEqual([1, undefined, undefined, undefined]);
  expect(withOrder(other)).toEqual([1, 2, 3, 4]);
});

test('the subscription is listed with its position and failures, beside those of webhooks', async () => {
  const head = await feedHead(orderLog, db);
  const publishing = startPublishing();
  const [status] = await until(async () => {
    const found = await subscriptionsStatus(db, 'orders.events');
    expect(found).toMatchObject([{ position: head }]);
    return found;
  });
  await publishing.stop();
  expect(status).toMatchObject({ kind: 'kafka', to: 'orders.events', position: head, lag: 0, failures: 0 });
  // The row is of an earlier configuration, so it is not listed.
  expect(await subscriptionsStatus(db, 'others.events')).toEqual([]);
});

test('failures last until an event is published, or none is left to publish', async () => {
  const [topic, place] = ['failing.events', { generation: 1, position: 1 }];
  const failures = async () => (await kafkaRows(db).findOne({ _id: topic }))?.health.failures;
  await storePlace(db, topic, place);
  await storeFailure(db, topic, 'the topic takes no records');
  await storePlace(db, topic, place);
  await storeFailure(db, topic, 'the topic takes no records');
  expect(await failures()).toBe(2);
  await clearFailure(db, topic);
  expect(await failures()).toBe(0);
});

test('a transaction needs no right on the whole cluster', async () => {
  const producer = new TransactionalProducer(clientOptions(settingsOf(broker)));
  const version = await new Promise((resolve) => {
    producer[kListApis]((_error, apis) =>
      resolve(apis?.find(({ name }) => name === 'AddPartitionsToTxn')?.maxVersion),
    );
  });
  await producer.close();
  expect(version).toBe(3);
});

test('a session that another one has replaced cannot publish', async () => {
  const settings = settingsOf(broker, 'fenced');
  const first = await openSession({ settings });
  const record = (key: string) => encoded({ topic: 'fenced.events', key, value: '{}' });
  await first.publish([record('a')], { generation: 1, position: 1 });
  const second = await openSession({ settings });
  expect(second.checkpoint).toMatchObject({ generation: 1, position: 1 });
  await expect(first.publish([record('b')], { generation: 1, position: 2 })).rejects.toThrow();
  await second.publish([record('c')], { generation: 1, position: 2 });
  await Promise.all([first.close(), second.close()]);
  await until(async () => {
    const keys = (await readTopic(settings, 'fenced.events')).map(({ key }) => String(key));
    expect(keys.toSorted()).toEqual(['a', 'c']);
  });
});

test('a transaction that hangs was committed if its records are up to the last checkpoint', async () => {
  const settings = settingsOf(broker, 'hanging');
  const topics = topicsOf(settings);
  const recordAt = (position: number, generation = 1) =>
    encoded({
      topic: topics.events,
      key: 'order',
      value: '{}',
      headers: [
        ['ce_generation', String(generation)],
        ['ce_sequence', String(position)],
      ],
    });
  const session = await openSession({ settings });
  await session.publish([recordAt(1), recordAt(2)], { generation: 1, position: 2 });
  await session.close();
  const producer = new TransactionalProducer({
    ...clientOptions(settings),
    idempotent: true,
    transactionalId: 'another',
  });
  const consumer = new Consumer({ ...clientOptions(settings), groupId: 'test' });
  const judge = async (position: number, generation?: number) => {
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages: [recordAt(position, generation)] });
    const hanging = await hangingPartitions(consumer, topics.events);
    const isCommitted = await wasCommitted(consumer, topics, hanging);
    await transaction.abort();
    return [hanging.length, isCommitted];
  };
  const judged = [await judge(3), await judge(2)];
  // The transaction is committed in one partition, and the checkpoint is of the previous
  // generation.
  const begun = await producer.beginTransaction();
  await begun.send({ messages: [recordAt(1, 2)] });
  await begun.commit();
  judged.push(await judge(2, 2));
  await Promise.all([producer.close(), consumer.close()]);
  expect(judged).toEqual([
    [1, false],
    [1, true],
    [1, true],
  ]);
});

test('a session ends before the commit when its topic was deleted and made again', async () => {
  const settings = settingsOf(broker, 'again');
  const [{ events: topic }, place] = [topicsOf(settings), { generation: 1, position: 1 }];
  const record = encoded({ topic, key: 'a', value: '{}' });
  const session = await openSession({ settings });
  await session.publish([record], place);
  await deleteTopic(settings, topic);
  await ensureTopics(settings, [{ name: topic }]);
  await until(async () => expect(await sentTo(settings, topic)).toBe(0n));
  await expect(session.publish([record], { generation: 1, position: 2 })).rejects.toThrow(
    'the new topic will get the whole feed',
  );
  await session.close();
  const next = await openSession({ settings });
  expect(next.checkpoint).toMatchObject({ position: 0 });
  await next.publish([record], place);
  await next.close();
  await until(async () => expect(await readTopic(settings, topic)).toHaveLength(1));
});

test('the topic of another system is left unchanged, and its session continues', async () => {
  const settings = settingsOf(broker, 'theirs');
  const theirs = await openSession({ settings, system: 'theirs' });
  await theirs.publish([], { generation: 1, position: 1 });
  await expect(openSession({ settings, system: 'ours' })).rejects.toThrow('set KAFKA_TOPIC');
  await theirs.publish([], { generation: 1, position: 2 });
  await theirs.close();
  const unknown = await openSession({ settings });
  expect(unknown.checkpoint).toMatchObject({ position: 2, system: 'theirs' });
  await unknown.close();
});

test('an event that is larger than a broker’s default is published', async () => {
  const settings = settingsOf(broker, 'large');
  const session = await openSession({ settings });
  const { events: topic } = topicsOf(settings);
  const record = encoded({ topic, key: 'a', value: 'x'.repeat(3_000_000) });
  await session.publish([record], { generation: 1, position: 1 });
  await session.close();
  await until(async () => expect(await readTopic(settings, topic)).toHaveLength(1));
});

test('a new generation of the feed is published from what it and the previous one have in common', async () => {
  const head = await feedHead(orderLog, db);
  const before = positionsOf(await published());
  // Stops the sequencer first, because the new generation would fence it.
  await stopSequencing?.();
  const begun = await beginGeneration(orderLog, db, { commonUntil: head - 2 });
  stopSequencing = startSequencing(db);
  const generation = begun?.generations?.at(-1)?.generation;
  const publishing = startPublishing();
  const again = [head - 1, head].map((position) => `${generation}/${position}`);
  await until(async () => {
    expect(positionsOf(await published()).toSorted()).toEqual([...before, ...again].toSorted());
  });
  await publishing.stop();
});
