import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { commandsConcern } from '../../src/kafka/commands-status.js';
import { orderBody } from '../support/api.js';
import { type Cluster, type Node, startCluster } from '../support/kafka/broker.js';
import { notesOf } from '../support/kafka/commands.js';
import { fillFeed } from '../support/kafka/fill-feed.js';
import {
  consoleConsumer,
  leaderOf,
  positionsOf,
  readTopic,
  type Sent,
  send,
  sentTo,
  settingsOf,
  uncommitted,
} from '../support/kafka/topics.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const patience = 240;
let cluster: Cluster;
let system: System;

beforeEach(async () => {
  cluster = await startCluster(3);
  system = createSystem();
}, 300_000);
afterEach(async () => {
  await system.end();
  await cluster.stop();
}, 60_000);

const settings = () => settingsOf({ address: cluster.addresses });
const startRole = () => system.start('kafka', { KAFKA_BROKERS: cluster.addresses });

/** The node that leads the only partition of a topic, or the first one. */
async function leading(topic: string): Promise<Node> {
  const [{ jars }] = cluster.nodes as readonly [Node];
  const id = await until(() => leaderOf({ address: cluster.addresses, jars }, topic), patience);
  const node = cluster.nodes[id - 1];
  if (node === undefined) throw new Error(`There is no node ${id}.`);
  return node;
}

const sentNow = () => sentTo(settings(), 'orders.events').catch(() => 0n);

test('each position is published once when leaders of events, checkpoints and transactions are killed', async () => {
  const part = 15_000;
  let count = part;
  await fillFeed(system.db, 1, count);
  await startRole();
  await until(async () => expect(await sentNow()).toBeGreaterThan(0n), patience);
  for (const topic of ['orders.events', 'orders.events.checkpoints', '__transaction_state']) {
    const node = await leading(topic);
    await node.kill();
    await fillFeed(system.db, count + 1, count + part);
    count += part;
    // Publishing continues with the remaining two nodes.
    await until(async () => expect(await sentNow()).toBeGreaterThan(BigInt(count)), patience);
    await node.start();
  }
  const positions = Array.from({ length: count }, (_, index) => `1/${index + 1}`);
  await until(async () => {
    const seen = await readTopic(settings(), 'orders.events');
    expect(seen.length).toBeGreaterThanOrEqual(count);
    expect(positionsOf(seen)).toEqual(positions);
  }, patience);
  const [{ jars }] = cluster.nodes as readonly [Node];
  const lines = await consoleConsumer({ address: cluster.addresses, jars }, 'orders.events', count);
  expect(new Set(lines.map((line) => /ce_sequence:(\d+)/.exec(line)?.[1])).size).toBe(count);
}, 900_000);

const notes = 12;

function command(key: string, name: string, body: object, id: string): Sent {
  return { key, headers: { command: name, 'idempotency-key': id }, value: JSON.stringify(body) };
}

test('each command takes effect once, in order, when the leaders of its topics and group are killed', async () => {
  const ids = Array.from({ length: 12 }, () => randomUUID());
  /**
   * Repeats the send until it succeeds. A record may then be in the topic twice, as with any
   * producer that got no answer.
   */
  const sending = (records: readonly Sent[]) =>
    until(() => send(settings(), 'orders.commands', records), patience);
  await startRole();
  await startRole();
  await system.start('worker,feed');
  await sending(ids.map((id) => command(id, 'CreateOrder', orderBody(), 'create')));
  const unknown = randomUUID();
  const killed = ['orders.commands', 'orders.commands.refused', '__consumer_offsets'];
  const texts = Array.from({ length: notes }, (_, index) => `note-${index}`);
  let down: Node | undefined;
  for (const [index, text] of texts.entries()) {
    if (index % 4 === 1) {
      down = await leading(killed[(index - 1) / 4] ?? '');
      await down.kill();
    }
    await sending([
      ...ids.map((id) => command(id, 'AddNote', { text }, text)),
      command(unknown, 'ReleaseOrder', {}, text),
    ]);
    if (index % 4 === 3) await down?.start();
  }
  await until(async () => {
    const concern = await commandsConcern(system.db, 'orders.commands');
    for (const id of ids) expect({ concern, texts: await notesOf(system, id) }).toMatchObject({ texts });
  }, patience);
  await until(async () => expect(await uncommitted(settings())).toBe(0n), patience);
  const refused = await readTopic(settings(), 'orders.commands.refused');
  const keys = refused.map(({ headers }) => String(headers.get('idempotency-key')));
  expect(new Set(keys)).toEqual(new Set(texts));
}, 900_000);
