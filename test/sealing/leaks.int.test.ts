import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { addKey } from '../../src/access/api-keys.js';
import { keyRows } from '../../src/sealing/key-store/key-rows.js';
import { scopes } from '../../src/access/scopes.js';
import { workflowId } from '../../src/order-log.js';
import { runWithoutTemporal } from '../cli/without-temporal.js';
import { orderBody, startTestApi, type TestApi } from '../support/api.js';
import { whenAtRest } from '../support/headers.js';
import { shared } from '../support/servers.js';
import { startSequencing, untilSequenced } from '../support/sequencing.js';

/** A text that is in every personal value, and nowhere else. */
const secret = `q${randomUUID().replaceAll('-', '')}`;
const customerId = `c-${randomUUID()}`;
const sku = `S-${randomUUID()}`;
const person = {
  customer: { id: customerId, name: `Ada ${secret}`, email: `${secret}@example.com` },
  shippingAddress: {
    name: `Bob ${secret}`,
    street: `1 ${secret} St`,
    city: `${secret}ville`,
    country: 'DE',
    postalCode: `1${secret}`,
    region: `${secret}shire`,
  },
  note: `ring ${secret}`,
};

let api: TestApi;
let stopSequencing: () => Promise<void>;
const logged: string[] = [];
/**
 * Answers that must contain no personal data: errors, and answers to a client without
 * `persons:read`.
 */
const answers: string[] = [];
let all: Readonly<Record<string, string>>;
let reader: Readonly<Record<string, string>>;
let orderId: string;
let declined: string;

beforeAll(async () => {
  api = await startTestApi({ AUTH: 'on' }, {}, (line) => void logged.push(line));
  await api.startWorker();
  stopSequencing = startSequencing(api.mongo.db);
  const bearer = async (
    client: string,
    given: typeof scopes | readonly ['orders:read', 'events:read', 'ops'],
  ) => ({
    authorization: `Bearer ${(await addKey(api.mongo.db, { client, scopes: given })).key}`,
  });
  all = await bearer('shop', scopes);
  reader = await bearer('reader', ['orders:read', 'events:read', 'ops']);
  orderId = await create({ ...person, lines: [{ sku, quantity: 2, unitPrice: 1999 }] });
  // The sandbox does not know this method, so it declines.
  declined = await create({ ...person, payment: { method: secret } });
  await send('amend', { shippingAddress: { ...person.shippingAddress, city: `new ${secret}` } });
  await send('notes', { text: `call ${secret}` });
  await send('shipments', {});
  await send('shipments/s1/dispatch', { carrier: 'DHL', trackingNumber: '1' });
  await send('capture', { payment: { method: secret } }, 409);
  await send('notes', { text: `late ${secret}`, more: secret }, 400);
  const bad = orderBody({ ...person, customer: { ...person.customer, email: secret } });
  await refused('/v1/orders', bad, 400);
  await refused(`/v1/orders?consistency=${secret}`, orderBody(person), 400);
  await refused('/v1/orders', orderBody({ ...person, id: orderId }), 409);
});
afterAll(async () => {
  await stopSequencing();
  await api.close();
});

async function create(more: object): Promise<string> {
  const reply = await api.post('/v1/orders', {
    body: orderBody({ ...more }),
    headers: { ...all, ...whenAtRest },
  });
  expect(reply.status).toBe(201);
  return String(reply.body.orderId);
}

async function send(path: string, body: object, expected = 200): Promise<void> {
  const headers = { ...all, ...whenAtRest };
  const reply = await api.post(`/v1/orders/${orderId}/${path}`, { body, headers });
  expect({ path, status: reply.status }).toEqual({ path, status: expected });
  answers.push(JSON.stringify(reply));
}

async function refused(path: string, body: object, expected: number): Promise<void> {
  const reply = await api.post(path, { body, headers: all });
  expect({ path, status: reply.status }).toEqual({ path, status: expected });
  answers.push(JSON.stringify(reply));
}

/**
 * The personal values that are found in a text. The text must contain `seen`, which proves that the
 * search works.
 */
function found(text: string, seen: string) {
  return { seen: text.includes(seen), secret: text.includes(secret) };
}
const nothing = { seen: true, secret: false };

let address: Promise<string> | undefined;
const listening = () => (address ??= api.app.listen({ host: '127.0.0.1', port: 0 }));

/** What a stream sends, up to this version of the order. */
async function streamed(
  path: string,
  headers: Readonly<Record<string, string>>,
  version: number,
): Promise<string> {
  const { body } = await fetch(`${await listening()}${path}`, { headers });
  if (body === null) throw new Error('no stream');
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes(`"orderId":"${orderId}","version":${version},`)) break;
  }
  return text;
}

const paths = () => [
  `/v1/orders/${orderId}`,
  `/v1/orders/${orderId}?consistency=strong`,
  `/v1/orders/${orderId}?version=1`,
  `/v1/orders/${orderId}/events`,
  `/v1/orders/${orderId}/events?source=history`,
  `/v1/orders/${orderId}/diff`,
  `/v1/orders?customerId=${customerId}`,
];

test('a client that may read personal data gets them all, and finds them by whole words', async () => {
  const { body, headers } = await api.get(`/v1/orders/${orderId}`, all);
  expect(headers).not.toHaveProperty('persons');
  expect(body).toMatchObject({
    customer: person.customer,
    shippingAddress: { ...person.shippingAddress, city: `new ${secret}` },
    notes: [{ text: person.note }, { text: `call ${secret}` }],
  });
  for (const path of paths()) {
    const { body: answer } = await api.get(path, all);
    expect({ path, ...found(JSON.stringify(answer), secret) }).toEqual({ path, seen: true, secret: true });
    expect({ path, sealed: JSON.stringify(answer).includes('"sealed:') }).toEqual({ path, sealed: false });
  }
  const first = (await api.get(`/v1/orders/${orderId}/events`, all)).body.data[0];
  expect(first.data).toMatchObject({ ...person, payment: { method: 'tok_ok' } });
  const ids = async (q: string, asked: Readonly<Record<string, string>>) => {
    const list = await api.get(`/v1/orders?q=${encodeURIComponent(q)}`, asked);
    return list.body.data.map((order: { orderId: string }) => order.orderId).toSorted();
  };
  const both = [orderId, declined].toSorted();
  for (const q of [secret, secret.toUpperCase(), `Ada ${secret}`, person.customer.email]) {
    expect({ q, found: await ids(q, all) }).toEqual({ q, found: both });
    expect({ q, found: await ids(q, reader) }).toEqual({ q, found: [] });
  }
  expect(await ids(secret.slice(0, 9), all)).toEqual([]);
});

test('a repeated command is recognized although its values were sealed', async () => {
  const headers = { ...all, 'idempotency-key': randomUUID() };
  const body = { text: `twice ${secret}` };
  const path = `/v1/orders/${orderId}/notes`;
  const first = await api.post(path, { body, headers });
  const again = await api.post(path, { body, headers });
  expect(again).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' }, body: first.body });
  expect(await api.post(path, { body: { text: `other ${secret}` }, headers })).toMatchObject({
    status: 422,
    body: { code: 'key_reused' },
  });
});

/** The attackers are those of docs/personal-data.md. */
describe('an attacker sees no personal data', () => {
  test('(a) with a key that may not read personal data', async () => {
    for (const path of [...paths(), '/v1/events', '/v1/orders', '/v1/attention', '/metrics']) {
      const { status, headers, body } = await api.get(path, reader);
      const text = JSON.stringify([headers, body]);
      expect({ path, status, ...found(text, '') }).toEqual({ path, status: 200, ...nothing });
    }
    const order = await api.get(`/v1/orders/${orderId}`, reader);
    expect(order.body.customer).toEqual({
      id: customerId,
      name: expect.stringMatching(/^sealed:1:/),
      email: expect.stringMatching(/^sealed:1:/),
    });
  });

  test('in the output of the client scripts with such a key', async () => {
    const ORDERS_URL = await listening();
    const [, ORDERS_KEY] = String(reader['authorization']).split(' ');
    for (const line of [
      `get ${orderId}`,
      `get ${orderId} --version 1`,
      `list --customer ${customerId}`,
      `events ${orderId}`,
      `diff ${orderId}`,
      'attention',
      'awaiting-dispatch',
    ])
      for (const how of ['', ' --json']) {
        const { exitCode, out, err } = await runWithoutTemporal(line + how, { ORDERS_URL, ORDERS_KEY });
        const text = out + err;
        expect({ line, exitCode, ...found(text, '') }).toEqual({ line, exitCode: 0, ...nothing });
      }
  });

  test('in event streams, whatever the key may read', async () => {
    const { version } = (await api.get(`/v1/orders/${orderId}`, all)).body;
    for (const path of ['/v1/events/stream?after=0', `/v1/orders/${orderId}/stream`])
      for (const headers of [all, reader])
        expect({ path, ...found(await streamed(path, headers, version), 'sealed:1:') }).toEqual({
          path,
          ...nothing,
        });
  });

  test('in answers that refuse a command, or in logs', () => {
    expect(answers.length).toBeGreaterThan(5);
    expect(found(answers.join('\n'), orderId)).toEqual(nothing);
    expect(found(logged.join('\n'), '')).toEqual(nothing);
  });

  test('(b) with a copy of MongoDB and the key store', async () => {
    const { db } = api.mongo;
    await untilSequenced(db);
    const keys = db.client.db(`${db.databaseName}_keys`);
    for (const database of [db, keys]) {
      for (const { name } of await database.listCollections({}, { nameOnly: true }).toArray()) {
        const documents = await database.collection(name).find().toArray();
        const text = JSON.stringify(documents);
        expect({ name, ...found(text, '') }).toEqual({ name, ...nothing });
      }
    }
    expect(found(JSON.stringify(await db.collection('order_events').find().toArray()), customerId).seen).toBe(
      true,
    );
    // The keys exist, and are wrapped.
    const [keyId = ''] = await api.mongo.keyStore.keysOf(customerId);
    const key = await api.mongo.keyStore.openingKey(keyId);
    if (typeof key === 'string') throw new Error(`the key is ${key}`);
    const rows = JSON.stringify(await keyRows(keys).find().toArray());
    expect(rows).toContain(keyId);
    for (const encoding of ['base64url', 'base64', 'hex'] as const)
      expect(rows).not.toContain(key.toString(encoding));
  });

  test("(c) with a copy of Temporal's database, or (d) with copies of both: neither has a key", async () => {
    const [keyId = ''] = await api.mongo.keyStore.keysOf(customerId);
    const key = await api.mongo.keyStore.openingKey(keyId);
    const history = await api.client.workflow.getHandle(workflowId(orderId)).fetchHistory();
    const payloads = [...historyToJSON(history).matchAll(/"data": ?"([A-Za-z0-9+/=]+)"/g)];
    const decoded = payloads.map(([, data = '']) => Buffer.from(data, 'base64').toString()).join('\n');
    expect(found(decoded, keyId)).toEqual(nothing);
    const files = readdirSync(shared.temporalData).map((name) =>
      readFileSync(join(shared.temporalData, name)),
    );
    expect(files.some((bytes) => bytes.includes(orderId))).toBe(true);
    expect(files.some((bytes) => bytes.includes(secret))).toBe(false);
    expect(files.some((bytes) => typeof key !== 'string' && bytes.includes(key))).toBe(false);
    const { staticSummary } = await api.client.workflow.getHandle(workflowId(orderId)).describe();
    expect(await staticSummary()).toBe(`${customerId} · EUR 39.98`);
  });
});
