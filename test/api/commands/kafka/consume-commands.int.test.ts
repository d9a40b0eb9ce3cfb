import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import type { Gateway } from '../../../../src/api/commands/gateway/gateway.js';
import { consumeCommands } from '../../../../src/api/commands/kafka/consume-commands.js';
import { refusalRows } from '../../../../src/api/commands/kafka/refusal-rows.js';
import { commandsStatus, waitingCommands } from '../../../../src/kafka/commands-status.js';
import { type KafkaSettings, topicsOf } from '../../../../src/kafka/settings.js';
import { ensureTopics } from '../../../../src/kafka/topics.js';
import { journal } from '../../../../src/log/journal/journal.js';
import { orderLog } from '../../../../src/order-log.js';
import { createLogger } from '../../../../src/server/logging/logger.js';
import { gatewayOf } from '../../../../workers/roles/gateway.js';
import { orderBody, placedOrder, startTestApi, type TestApi } from '../../../support/api.js';
import { type Broker, startBroker } from '../../../support/kafka/broker.js';
import { createRecord, noteRecord } from '../../../support/kafka/commands.js';
import {
  deleteTopic,
  headersOf,
  readTopic,
  send,
  sentTo,
  settingsOf,
  uncommitted,
} from '../../../support/kafka/topics.js';
import { latch } from '../../../support/latch.js';
import { assertNoPersons, rememberPersons } from '../../../support/persons.js';
import { until } from '../../../support/until.js';

let api: TestApi;
let db: Db;
let broker: Broker;

beforeAll(async () => {
  [api, broker] = await Promise.all([startTestApi(), startBroker()]);
  ({ db } = api.mongo);
  await api.startWorker();
});
afterAll(async () => {
  await Promise.all([api?.close(), broker?.stop()]);
});

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

test('records are commands, and an impossible command is refused without holding up others', async () => {
  const settings = settingsOf(broker, 'in');
  const consuming = startConsuming(settings);
  const [orderId, other] = [randomUUID(), randomUUID()];
  const hold = { command: 'HoldOrder', 'idempotency-key': 'hold-1', 'on-behalf-of': 'ada' };
  await until(() => send(settings, 'in.commands', [createRecord(orderId)]));
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
    // A valid command of half a megabyte.
    { ...createRecord(other), value: ' '.repeat(500_000) + JSON.stringify(orderBody()) },
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

test('no command is skipped when the topic is deleted and made again during a command', async () => {
  const settings = settingsOf(broker, 'remade');
  const { commands } = topicsOf(settings);
  const [before, after] = [randomUUID(), randomUUID()];
  const [arrived, released] = [latch(), latch()];
  const slow = (gateway: Gateway): Gateway => ({
    ...gateway,
    async create(orderId, body, meta) {
      if (orderId === before) {
        arrived.open();
        await released.opened;
      }
      return await gateway.create(orderId, body, meta);
    },
  });
  const consuming = startConsuming(settings, slow);
  await until(() => send(settings, commands, [{ ...createRecord(before), partition: 0 }]));
  await arrived.opened;
  await deleteTopic(settings, commands);
  await until(() => ensureTopics(settings, [{ name: commands, isDecompressed: true }]));
  await until(async () => expect(await sentTo(settings, commands)).toBe(0n));
  await until(() => send(settings, commands, [{ ...createRecord(after), partition: 0 }]));
  released.open();
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
  const note = (orderId: string, text: string) => ({ ...noteRecord(orderId, text), partition: 0 });
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
  await until(() => send(settings, 'again.commands', [{ ...createRecord(held), partition: 0 }, release]));
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
