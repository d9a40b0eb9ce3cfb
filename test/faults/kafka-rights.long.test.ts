import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka';
import { clientOptions } from '../../src/kafka/connection.js';
import { feedHead } from '../../src/log/feed/feed.js';
import { journal } from '../../src/log/journal/journal.js';
import { orderLog } from '../../src/order-log.js';
import { issueCertificates } from '../support/certificates.js';
import { type Broker, startBroker } from '../support/kafka/broker.js';
import { fillFeed } from '../support/kafka/fill-feed.js';
import { headersOf, positionsOf, readTopic, send, settingsOf } from '../support/kafka/topics.js';
import { apiAt } from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const { TOPIC, GROUP, TRANSACTIONAL_ID } = ResourceTypes;
const { READ, WRITE } = AclOperations;
const user = { name: 'orders', password: 'swordfish' };
/**
 * The rights that docs/guides/kafka.md lists. The right to read or write includes the right to
 * describe.
 */
const rights = [
  [TOPIC, 'orders.events', READ],
  [TOPIC, 'orders.events', WRITE],
  [TOPIC, 'orders.events.checkpoints', READ],
  [TOPIC, 'orders.events.checkpoints', WRITE],
  [TOPIC, 'orders.commands', READ],
  [TOPIC, 'orders.commands.refused', WRITE],
  [GROUP, 'orders.commands', READ],
  [TRANSACTIONAL_ID, 'orders.events', WRITE],
] as const;

const tls = mkdtempSync(join(tmpdir(), 'orders-kafka-tls-'));
let broker: Broker;
let admin: Admin;
let system: System;

beforeAll(async () => {
  await issueCertificates(tls);
  broker = await startBroker([], { identity: join(tls, 'mongodb', 'identity.pem'), user });
  admin = new Admin(clientOptions(settingsOf(broker)));
  const topics = [...new Set(rights.flatMap(([type, name]) => (type === TOPIC ? [name] : [])))];
  await admin.createTopics({ topics, partitions: 2, replicas: 1 });
  await admin.createAcls({ creations: rights.map(aclOf) });
  system = createSystem();
});
afterAll(async () => {
  await system.end();
  await admin.close();
  await broker.stop();
  rmSync(tls, { recursive: true });
}, 60_000);

function aclOf([resourceType, resourceName, operation]: (typeof rights)[number]) {
  return {
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${user.name}`,
    host: '*',
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  };
}

const variables = () => ({
  KAFKA_BROKERS: broker.securedAddress,
  KAFKA_USERNAME: user.name,
  KAFKA_PASSWORD: user.password,
  KAFKA_TLS_SERVER_CA_CERT_PATH: join(tls, 'client', 'ca.pem'),
});

test('with TLS, a password and only the rights of the guide, events are published and commands read', async () => {
  const open = settingsOf(broker);
  const product = await system.start('write,read,worker,feed,kafka', variables());
  const order = await apiAt(product.address).place();
  await until(async () =>
    expect(positionsOf(await readTopic(open, 'orders.events'))).toEqual(['1/1', '1/2', '1/3', '1/4']),
  );
  const reason = JSON.stringify({ reason: 'looks wrong' });
  const unknown = randomUUID();
  await send(open, 'orders.commands', [
    { key: order.id, headers: { command: 'HoldOrder' }, value: reason },
    { key: unknown, headers: { command: 'HoldOrder' }, value: reason },
  ]);
  await until(async () => {
    const held = { orderId: order.id, type: 'OrderHeld' };
    expect(await journal(orderLog, system.db).countDocuments(held)).toBe(1);
    const refused = await readTopic(open, 'orders.commands.refused');
    expect(refused.map((record) => [String(record.key), headersOf(record)['command']])).toEqual([
      [unknown, 'HoldOrder'],
    ]);
  });
  await product.stop();
});

test.each([
  ['Topic', rights[1]],
  ['Topic', rights[4]],
  ['Group', rights[6]],
  ['Transactional Id', rights[7]],
])('a missing right is named, and once it is granted all continues: %s', async (kind, right) => {
  const acl = aclOf(right);
  await admin.deleteAcls({ filters: [acl] });
  const product = await system.start('read,kafka', variables());
  const kafka = async (): Promise<unknown> => {
    const { body } = await apiAt(product.address).get('/health/ready');
    return body.dependencies.find(({ name }: { readonly name: string }) => name === 'kafka');
  };
  // Nothing is written to Kafka without a new event, so the test adds one to the feed.
  const next = (await feedHead(orderLog, system.db)) + 1;
  await fillFeed(system.db, next, next);
  const detail = expect.stringMatching(
    new RegExp(`${kind} authorization failed.*KAFKA_USERNAME needs the right to`),
  );
  try {
    await until(async () => expect(await kafka()).toMatchObject({ status: 'degraded', detail }));
  } finally {
    await admin.createAcls({ creations: [acl] });
  }
  await until(async () => expect(await kafka()).toMatchObject({ status: 'up' }));
  await product.stop();
});
