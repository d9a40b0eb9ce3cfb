import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Consumer, kListApis } from '@platformatic/kafka';
import type { Db } from 'mongodb';
import type { Gateway } from '../../../src/api/commands/gateway/gateway.js';
import { consumeCommands } from '../../../src/api/commands/kafka/consume-commands.js';
import { refusalRows } from '../../../src/api/commands/kafka/refusal-rows.js';
import { readCheckpoint } from '../../../src/delivery/kafka/checkpoint.js';
import { commandsStatus, waitingCommands } from '../../../src/kafka/commands-status.js';
import { clientOptions } from '../../../src/kafka/connection.js';
import { hangingPartitions, wasCommitted } from '../../../src/delivery/kafka/hanging-transactions.js';
import {
  kafkaRows,
  noteDone,
  noteFailed,
  notePlace,
} from '../../../src/delivery/kafka/publishing-progress.js';
import { publishFeed } from '../../../src/delivery/kafka/publishing.js';
import { encoded } from '../../../src/delivery/kafka/records.js';
import { openSession } from '../../../src/delivery/kafka/session.js';
import { type KafkaSettings, topicsOf } from '../../../src/kafka/settings.js';
import { ensureTopics } from '../../../src/kafka/topics.js';
import { TransactionalProducer } from '../../../src/delivery/kafka/transactional-producer.js';
import { subscriptionsStatus } from '../../../src/delivery/subscription-status.js';
import { everyEvent } from '../../../src/order/selection.js';
import { feedHead } from '../../../src/log/feed/feed.js';
import { beginGeneration } from '../../../src/log/feed/generations.js';
import { eventOf, journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { gatewayOf } from '../../../workers/roles/gateway.js';
import { orderBody, placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { type Broker, startBroker } from '../../support/kafka/broker.js';
import {
  deleteTopic,
  headersOf,
  positionsOf,
  readTopic,
  send,
  sentTo,
  settingsOf,
  uncommitted,
} from '../../support/kafka/topics.js';
import { assertNoPersons, rememberPersons } from '../../support/persons.js';
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

/** Takes commands, as the role `kafka` does. */
function startConsuming(
  settings: KafkaSettings,
  change: (gateway: Gateway) => Gateway = (gateway) => gateway,
) {
  const stopping = new AbortController();
  const logger = createLogger('silent');
  const { client, config, mongo } = api;
  const done = consumeCommands({
    db,
    settings,
    gateway: change(gatewayOf({ client, config, mongo, logger }, { answerWithinMs: 30_000 })),
    logger,
    health: { failed: () => undefined, worked: () => undefined },
    signal: stopping.signal,
  });
  return {
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
  await notePlace(db, topic, place);
  await noteFailed(db, topic, 'the topic takes no records');
  await notePlace(db, topic, place);
  await noteFailed(db, topic, 'the topic takes no records');
  expect(await failures()).toBe(2);
  await noteDone(db, topic);
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
    'gets the whole feed',
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

test('records are commands, and an impossible command is refused without holding up others', async () => {
  const settings = settingsOf(broker, 'in');
  const consuming = startConsuming(settings);
  const [orderId, other] = [randomUUID(), randomUUID()];
  const create = (id: string) => ({
    key: id,
    headers: { command: 'CreateOrder' },
    value: JSON.stringify(orderBody()),
  });
  const hold = { command: 'HoldOrder', 'idempotency-key': 'hold-1', 'on-behalf-of': 'ada' };
  await until(async () => {
    await send(settings, 'in.commands', [create(orderId)]);
  });
  const reason = JSON.stringify({ reason: 'looks wrong' });
  const bytes = Buffer.from([0xff, 0xfe]);
  const persons = [
    { customer: { id: 'c-1', name: 'Nobody Else', email: 'nobody else at nowhere' } },
    { text: 'a note that nobody else may read' },
  ] as const;
  persons.forEach((person) => rememberPersons(person));
  const bad = [
    { key: randomUUID(), headers: { command: 'CreateOrder' }, value: JSON.stringify(orderBody(persons[0])) },
    { key: randomUUID(), headers: { command: 'AddNote' }, value: JSON.stringify(persons[1]) },
    { key: undefined, headers: hold, value: reason },
    { key: 'not an id', headers: hold, value: reason },
    { key: other, headers: {}, value: reason },
    { key: other, headers: { command: 'BlowUp' }, value: reason },
    { key: other, headers: { command: 'HoldOrder' }, value: Buffer.from([0x22, 0xff, 0x22]) },
    { key: other, headers: { command: 'HoldOrder' }, value: '{"reason"' },
    { key: other, headers: { command: 'HoldOrder' }, value: JSON.stringify({ reason: 'x'.repeat(500_000) }) },
    { key: other, headers: { command: 'DeliverShipment' }, value: '{}' },
    { key: randomUUID(), headers: { command: 'ReleaseOrder', mine: 'kept', bytes }, value: '{}' },
  ];
  await send(settings, 'in.commands', [
    ...bad,
    { key: orderId, headers: hold, value: reason },
    // Half a megabyte that can be a command.
    { ...create(other), value: `${' '.repeat(500_000)}${create(other).value}` },
  ]);
  await send(settings, 'in.commands', [{ key: orderId, headers: hold, value: reason }]);
  await until(async () => {
    expect(await journal(orderLog, db).countDocuments({ orderId, type: 'OrderHeld' })).toBe(1);
    expect((await api.get(`/v1/orders/${other}`)).status).toBe(200);
  });
  await until(async () => expect(await uncommitted(settings)).toBe(0n));
  await consuming.stop();
  const events = await journal(orderLog, db).find({ orderId }).sort({ version: 1 }).toArray();
  expect(events.filter(({ type }) => type === 'OrderHeld')).toMatchObject([
    { commandId: expect.stringContaining('hold-1'), actor: 'kafka:in.commands', onBehalfOf: 'ada' },
  ]);
  const refused = await readTopic(settings, 'in.commands.refused');
  const codes = refused.map(({ value }) => (JSON.parse(String(value)) as { code: string }).code);
  expect(codes.toSorted()).toEqual(
    [
      ...Array.from({ length: 7 }, () => 'invalid_request'),
      'invalid_json',
      'invalid_utf8',
      'order_not_found',
      'order_not_found',
    ].toSorted(),
  );
  for (const record of refused)
    assertNoPersons('a refusal', JSON.stringify([String(record.value), headersOf(record)]));
  const kept = refused.find(({ headers }) => headers.has('mine'));
  expect(kept?.key?.toString()).toBe(bad.at(-1)?.key);
  expect(kept && headersOf(kept)).toMatchObject({ command: 'ReleaseOrder', mine: 'kept' });
  expect(kept?.headers.get('bytes')).toEqual(bytes);
});

test('a command topic that is deleted and made again during a command: no command is skipped', async () => {
  const settings = settingsOf(broker, 'remade');
  const { commands } = topicsOf(settings);
  const create = (key: string) => ({
    key,
    headers: { command: 'CreateOrder' },
    value: JSON.stringify(orderBody()),
    partition: 0,
  });
  const [before, after] = [randomUUID(), randomUUID()];
  let isInFlight = false;
  const released = new EventEmitter();
  const slow = (gateway: Gateway): Gateway => ({
    ...gateway,
    async create(orderId, body, meta) {
      if (orderId === before) {
        isInFlight = true;
        await once(released, 'released');
      }
      return await gateway.create(orderId, body, meta);
    },
  });
  const consuming = startConsuming(settings, slow);
  await until(() => send(settings, commands, [create(before)]));
  await until(async () => expect(isInFlight).toBe(true));
  await deleteTopic(settings, commands);
  await until(() => ensureTopics(settings, [{ name: commands, isDecompressed: true }]));
  await until(async () => expect(await sentTo(settings, commands)).toBe(0n));
  await until(() => send(settings, commands, [create(after)]));
  released.emit('released');
  for (const orderId of [before, after])
    await until(async () => expect((await api.get(`/v1/orders/${orderId}`)).status).toBe(200));
  await consuming.stop();
});

test('a command without an answer holds up its key and is reported, and other keys continue', async () => {
  const settings = settingsOf(broker, 'waiting');
  const topic = topicsOf(settings).commands;
  const [stuck, other] = [await placedOrder(api), await placedOrder(api)];
  let isBroken = true;
  const poisoned = (gateway: Gateway): Gateway => ({
    ...gateway,
    async execute(orderId, command, meta) {
      if (isBroken && orderId === stuck) throw new TypeError('no one has thought of this');
      return await gateway.execute(orderId, command, meta);
    },
    async signal(orderId, command, meta) {
      if (isBroken && orderId === stuck) throw new TypeError('no one has thought of this');
      return await gateway.signal(orderId, command, meta);
    },
  });
  const consuming = startConsuming(settings, poisoned);
  const note = (key: string, text: string) => ({
    key,
    headers: { command: 'AddNote' },
    value: JSON.stringify({ text }),
    partition: 0,
  });
  const notesOf = (orderId: string) => journal(orderLog, db).countDocuments({ orderId, type: 'NoteAdded' });
  await until(() => send(settings, topic, [note(stuck, 'one'), note(stuck, 'two'), note(other, 'three')]));
  await until(async () => {
    expect(await notesOf(other)).toBe(1);
    const { partitions, lag } = await commandsStatus(db, topic);
    const why = expect.stringContaining('no one has thought of this');
    const waiting = { record: `${topic}:0:0`, since: expect.any(String), why };
    expect(lag).toBe(3);
    expect(partitions[0]).toMatchObject({ partition: 0, position: 0, lag: 3, waiting });
  });
  expect(await notesOf(stuck)).toBe(0);
  const [row] = await waitingCommands(db, topic);
  expect(row?.record).toBe(`${topic}:0:0`);
  isBroken = false;
  await until(async () => expect(await uncommitted(settings)).toBe(0n));
  await consuming.stop();
  expect(await notesOf(stuck)).toBe(2);
  const { partitions, ...status } = await commandsStatus(db, topic);
  expect(status).toEqual({ topic, lag: 0 });
  expect(partitions.map(({ partition, position, lag }) => [partition, position, lag])).toEqual([
    [0, 3, 0],
    [1, 0, 0],
    [2, 0, 0],
  ]);
  expect(await waitingCommands(db, topic)).toEqual([]);
});

test('a command that was refused stays refused when it is read again in another state', async () => {
  const settings = settingsOf(broker, 'again');
  const [orderId, held] = [await placedOrder(api), randomUUID()];
  // Nothing is committed while the first record of the partition waits.
  const busy = (gateway: Gateway): Gateway => ({
    ...gateway,
    create: async () => ({ kind: 'unknown-outcome', orderId: held }),
  });
  const first = startConsuming(settings, busy);
  const release = { key: orderId, headers: { command: 'ReleaseOrder' }, value: '{}', partition: 0 };
  const create = { key: held, headers: { command: 'CreateOrder' }, value: JSON.stringify(orderBody()) };
  await until(async () => await send(settings, 'again.commands', [{ ...create, partition: 0 }, release]));
  await until(async () => expect(await refusalRows(db).countDocuments({ isWritten: true })).toBe(1));
  await first.stop();
  expect((await api.post(`/v1/orders/${orderId}/hold`, { body: { reason: 'looks wrong' } })).status).toBe(
    200,
  );
  const second = startConsuming(settings);
  await until(async () => expect(await uncommitted(settings)).toBe(0n));
  await second.stop();
  const types = await journal(orderLog, db).distinct('type', { orderId });
  expect(types).toContain('OrderHeld');
  expect(types).not.toContain('OrderReleased');
  expect(await readTopic(settings, 'again.commands.refused')).toHaveLength(1);
  expect(await refusalRows(db).countDocuments()).toBe(0);
});
