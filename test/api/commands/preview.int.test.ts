import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WorkflowNotFoundError } from '@temporalio/client';
import { addKey } from '../../../src/access/api-keys.js';
import { keyRows } from '../../../src/sealing/key-store/key-rows.js';
import type { Scope } from '../../../src/access/scopes.js';
import { routeOf } from '../../../src/api/commands/table.js';
import { journal } from '../../../src/log/journal/journal.js';
import { orderLog, workflowId } from '../../../src/order-log.js';
import { type FollowUpType, followUpTypes } from '../../../src/order/commands.js';
import { orderBody, placedOrder, type Reply, startTestApi, type TestApi } from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { continuedAsNew, deleteHistory } from '../../support/retention.js';
import { untilAtRest } from '../../support/workflow-run.js';

let api: TestApi;
/** an API with AUTH=on, for the same orders */
let guarded: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  const { temporal, mongodb } = api.config;
  const same = { TEMPORAL_TASK_QUEUE: temporal.taskQueue, MONGODB_DB: mongodb.db };
  guarded = await startTestApi({ AUTH: 'on', ...same });
});
afterAll(async () => {
  await guarded.close();
  await api.close();
});

const parts = { shipmentId: 's1', returnId: 'r1' };

function path(orderId: string, type: FollowUpType): string {
  const ids = new Map(Object.entries({ orderId, ...parts }));
  return routeOf(type).replaceAll(/:(\w+)/g, (_, name: string) => ids.get(name) ?? '');
}

async function previewed(
  url: string,
  body: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return await api.post(`${url}?preview=true`, { body, headers });
}

/** Everything that a command leaves behind, counted. */
async function traces(orderId: string) {
  const { client, config, mongo } = api;
  const { db } = mongo;
  const handle = client.workflow.getHandle(workflowId(orderId));
  const sandbox = db.client.db(`${config.mongodb.db}_sandbox`);
  const [{ historyLength }, events, orders, movements, payments] = await Promise.all([
    handle.describe(),
    journal(orderLog, db).countDocuments(),
    db.collection('orders').countDocuments(),
    db.collection('stock_movements').countDocuments(),
    sandbox.collection('sandbox_payments').countDocuments(),
  ]);
  return { historyLength, events, orders, movements, payments };
}

/** The counts when no step of the order is in progress. */
async function tracesAtRest(orderId: string) {
  await untilAtRest(api.client, workflowId(orderId));
  return await traces(orderId);
}

/** Removes times, because those of the command are later than those of its preview. */
function timeless(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/"\d{4}-\d\d-\d\dT[^"]+"/g, '"a time"'));
}

function contentOf({ version, type, schemaVersion, data, actor }: Record<string, unknown>): unknown {
  return timeless({ version, type, schemaVersion, data, actor });
}

const sku = 'P-1';
const lines = [{ sku, quantity: 2, unitPrice: 1000 }];
const carrier = { carrier: 'DHL', trackingNumber: 'T-1' };
const shippingAddress = { street: '1 Main St', city: 'Berlin', country: 'DE' };
/**
 * The commands of two orders whose first capture is declined. Together they include every command.
 */
const stories: readonly (readonly (readonly [FollowUpType, object])[])[] = [
  [
    ['HoldOrder', { reason: 'fraud check' }],
    ['ReleaseOrder', {}],
    ['AddNote', { text: 'rings twice' }],
    ['AmendOrder', { lines: [{ sku, quantity: 3 }] }],
    ['CreateShipment', {}],
    ['RequestLabel', { carrier: 'DHL' }],
    ['DispatchShipment', carrier],
    ['CapturePayment', { payment: { method: 'tok_ok' } }],
    ['DeliverShipment', {}],
    ['RefundPayment', { amount: 100, reason: 'late' }],
    ['RequestReturn', { lines: [{ sku, quantity: 1 }], reason: 'too small' }],
    ['ReceiveReturn', {}],
  ],
  [
    ['CreateShipment', { lines: [{ sku, quantity: 1 }] }],
    ['DispatchShipment', carrier],
    ['WriteOffCapture', { reason: 'lost' }],
    ['CancelOrder', { reason: 'twice' }],
  ],
];

test('every command does exactly what its preview shows, and the preview itself does nothing', async () => {
  expect(new Set(stories.flat().map(([type]) => type))).toEqual(new Set(followUpTypes));
  for (const story of stories) {
    const payment = { method: 'tok_capture_declined' };
    const orderId = await placedOrder(api, { lines, payment, shippingAddress });
    for (const [type, body] of story) {
      const before = await tracesAtRest(orderId);
      const preview = await previewed(path(orderId, type), body);
      expect({ type, status: preview.status }).toEqual({ type, status: 200 });
      expect(await traces(orderId)).toEqual(before);

      const { version, events, order } = preview.body;
      expect(preview.headers['etag']).toBe(`"${version}"`);
      expect(order.version).toBe(events.at(-1).version);
      const headers = { ...whenAtRest, 'if-match': String(preview.headers['etag']) };
      const done = await api.post(path(orderId, type), { body, headers });
      expect(done).toMatchObject({ status: 200, body: { version: order.version, status: order.status } });
      const log = await api.get(`/v1/orders/${orderId}/events?after=${version}`);
      const kept = log.body.data.slice(0, events.length);
      expect(events.map(contentOf)).toEqual(kept.map(contentOf));
      const asItWas = await api.get(`/v1/orders/${orderId}?version=${order.version}`);
      expect(timeless(order)).toEqual(timeless(asItWas.body));
      expect(preview.body.allowedCommands).toEqual(asItWas.body.allowedCommands);
    }
  }
});

test('a preview shows the effects that the order would owe, its money, and its deadlines', async () => {
  const orderId = await placedOrder(api, { lines });
  const cancel = await previewed(path(orderId, 'CancelOrder'), { reason: 'twice' });
  expect(cancel.body).toMatchObject({
    version: 4,
    events: [{ type: 'OrderCancelled', version: 5, actor: expect.any(String) }],
    effects: [
      { type: 'release', key: `${orderId}:release:5`, summary: `release 2 × ${sku}` },
      { type: 'void', key: `${orderId}:void:5` },
    ],
    money: { before: { authorized: 2000, paymentStatus: 'authorized' }, after: { total: 2000 } },
    deadlines: [],
    order: { status: 'cancelled' },
  });
  const note = await previewed(path(orderId, 'AddNote'), { text: 'hello' });
  expect(note.body).toMatchObject({
    effects: [],
    deadlines: [{ what: 'authorization-expiry', at: expect.stringContaining('T') }],
  });
});

test('a preview of a create starts nothing, uses no key, and makes none for the customer', async () => {
  const customerId = `c-${randomUUID()}`;
  const body = orderBody({ lines, customer: { id: customerId, name: 'Grace Example' }, note: 'by noon' });
  const headers = { 'idempotency-key': randomUUID() };
  const preview = await previewed('/v1/orders', body, headers);
  expect(preview).toMatchObject({
    status: 200,
    body: {
      version: 0,
      events: [{ type: 'OrderCreated', version: 1, data: { customer: { name: 'Grace Example' } } }],
      effects: [{ type: 'reserve' }],
      money: { before: { total: 0 }, after: { total: 2000 } },
      order: { status: 'pending', customer: { name: 'Grace Example' }, notes: [{ text: 'by noon' }] },
    },
  });
  expect(preview.headers).not.toHaveProperty('etag');
  const { orderId, events } = preview.body;
  const handle = api.client.workflow.getHandle(workflowId(orderId));
  await expect(handle.describe()).rejects.toThrow(WorkflowNotFoundError);
  expect(await keyRows(api.mongo.db.client.db(api.config.keys.db)).countDocuments({ customerId })).toBe(0);

  const created = await api.post('/v1/orders', { body, headers: { ...headers, ...whenAtRest } });
  expect(created).toMatchObject({ status: 201, body: { orderId } });
  expect(created.headers).not.toHaveProperty('idempotent-replayed');
  const log = await api.get(`/v1/orders/${orderId}/events`);
  expect(log.body.data[0]).toMatchObject({ type: events[0].type, data: events[0].data });
  // The same create once more would change nothing.
  const again = await previewed('/v1/orders', body, headers);
  expect(again).toMatchObject({ status: 200, body: { orderId, version: 4, events: [], effects: [] } });
  expect(again.headers['idempotent-replayed']).toBe('true');
});

test('a preview of a repeated command shows no change, whether the order is open or closed', async () => {
  const orderId = await placedOrder(api, { lines });
  const headers = { 'idempotency-key': randomUUID() };
  const cancel = path(orderId, 'CancelOrder');
  const body = { reason: 'twice' };
  expect((await api.post(path(orderId, 'AddNote'), { body: { text: 'hello' }, headers })).status).toBe(200);
  const noted = await previewed(path(orderId, 'AddNote'), { text: 'hello' }, headers);
  expect(noted).toMatchObject({ status: 200, body: { version: 5, events: [] } });
  expect(noted.headers['idempotent-replayed']).toBe('true');
  expect((await api.post(cancel, { body, headers: { 'idempotency-key': 'k-cancel' } })).status).toBe(200);
  await api.client.workflow.getHandle(workflowId(orderId)).result();
  const cancelled = await previewed(cancel, body, { 'idempotency-key': 'k-cancel' });
  expect(cancelled).toMatchObject({ status: 200, body: { events: [], order: { status: 'cancelled' } } });
  await expectSameRefusal(cancel, 409, 'order_closed', body);
});

/** A refused command and its preview get the same problem. */
async function expectSameRefusal(
  url: string,
  status: number,
  code: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [refused, preview] = [await api.post(url, { body, headers }), await previewed(url, body, headers)];
  const problem = ({ body: told }: Reply) => ({ ...told, correlationId: '' });
  expect(refused).toMatchObject({ status, body: { code } });
  expect({ status: preview.status, ...problem(preview) }).toEqual({ status, ...problem(refused) });
}

test('a preview of a command that would be refused has the same words as the refusal', async () => {
  const orderId = await placedOrder(api, { lines });
  const key = { 'idempotency-key': randomUUID() };
  await api.post(path(orderId, 'AddNote'), { body: { text: 'one' }, headers: key });
  const refund = { amount: 1, reason: 'late' };
  const some = { lines: [{ sku, quantity: 9 }] };
  await expectSameRefusal(path(orderId, 'RefundPayment'), 409, 'not_allowed', refund);
  await expectSameRefusal(
    path(orderId, 'AddNote'),
    412,
    'stale_version',
    { text: 'a' },
    { 'if-match': '"3"' },
  );
  await expectSameRefusal(path(orderId, 'CreateShipment'), 422, 'quantity_too_large', some);
  await expectSameRefusal(path(orderId, 'AddNote'), 422, 'key_reused', { text: 'two' }, key);
  await expectSameRefusal(path(orderId, 'DispatchShipment'), 404, 'shipment_not_found', carrier);
  await expectSameRefusal(path(orderId, 'AddNote'), 400, 'invalid_request', { text: '' });
  await expectSameRefusal(path('unknown', 'AddNote'), 404, 'order_not_found', { text: 'a' });
  await expectSameRefusal('/v1/orders', 409, 'order_exists', orderBody({ id: orderId }));
  await expectSameRefusal('/v1/orders', 422, 'unknown_currency', orderBody({ currency: 'XXA' }));
  const derived = { id: '018f0000-0000-8000-8000-000000000000' };
  await expectSameRefusal('/v1/orders', 422, 'id_reserved', orderBody(derived));
});

test('a preview needs the scopes of its command and of a read, and hides personal data as a read does', async () => {
  const orderId = await placedOrder(api, { lines });
  const ask = async (scopes: readonly Scope[], more: Readonly<Record<string, string>> = {}) => {
    const { key } = await addKey(api.mongo.db, { client: 'shop', scopes });
    const headers = { authorization: `Bearer ${key}`, ...more };
    return await guarded.post(`${path(orderId, 'AddNote')}?preview=true`, { body: { text: 'a' }, headers });
  };
  expect(await ask(['orders:read'])).toMatchObject({ status: 403, body: { scope: 'orders:write' } });
  expect(await ask(['orders:write'])).toMatchObject({
    status: 403,
    body: { code: 'scope_missing', scope: 'orders:read' },
  });
  const allowed = await ask(['orders:read', 'orders:write']);
  expect(allowed).toMatchObject({ status: 200, body: { order: { customer: { id: 'c-1' } } } });
  expect(allowed.body.order.customer.name).toMatch(/^sealed:/);
  // A value sealed under the customer's own key could be compared with the order's values.
  const keyed = await ask(['orders:read', 'orders:write'], { 'idempotency-key': 'k-guess' });
  for (const { body } of [allowed, keyed]) expect(body.events[0].data.text).toBe('a');
});

test('previews have a limit of their own, so they delay no commands, creates or webhooks', async () => {
  const full = await startTestApi({}, { bounds: { history: { most: 0, waiting: 0, waitMs: 0 } } });
  try {
    const refused = { status: 503, body: { code: 'overloaded' } };
    const prefer = { prefer: 'respond-async' };
    const note = { body: { text: 'a' }, headers: prefer };
    expect(await full.post('/v1/orders/x/notes?preview=true', note)).toMatchObject(refused);
    expect(await full.post('/v1/orders?preview=true', { body: orderBody() })).toMatchObject(refused);
    expect((await full.post('/v1/orders', { body: orderBody() })).status).toBe(201);
  } finally {
    await full.close();
  }
});

test('while no worker answers, a preview is made from the history', async () => {
  const alone = await startTestApi();
  try {
    const { body } = await alone.post('/v1/orders', { body: orderBody() });
    const hold = `/v1/orders/${body.orderId}/hold`;
    const stale = { body: { reason: 'x' }, headers: { 'if-match': '"7"' } };
    const [held, refused, late] = await Promise.all([
      alone.post(`${hold}?preview=true`, { body: { reason: 'fraud check' } }),
      alone.post(`/v1/orders/${body.orderId}/release?preview=true`),
      alone.post(`${hold}?preview=true`, stale),
    ]);
    expect(held).toMatchObject({
      status: 200,
      body: { version: 1, events: [{ type: 'OrderHeld', version: 2 }], order: { held: true } },
    });
    expect(refused).toMatchObject({
      status: 409,
      body: { allowedCommands: expect.arrayContaining(['hold']) },
    });
    expect(late).toMatchObject({ status: 412, body: { version: 1 } });
  } finally {
    await alone.close();
  }
});

test('a preview recognizes a command of an expired run by the journal', async () => {
  const alone = await startTestApi({ CONTINUE_AS_NEW_AFTER: '10' });
  try {
    const worker = await alone.startWorker();
    const orderId = await placedOrder(alone);
    const hold = path(orderId, 'HoldOrder');
    const sent = { body: { reason: 'fraud check' }, headers: { 'idempotency-key': randomUUID() } };
    expect((await alone.post(`${hold}?consistency=projected`, sent)).status).toBe(200);
    const [first] = await continuedAsNew(alone, orderId, 1);
    await worker.stop();
    await deleteHistory(alone.client, orderId, first);
    const again = await alone.post(`${hold}?preview=true`, sent);
    expect(again).toMatchObject({ status: 200, body: { events: [], order: { held: true } } });
    expect(again.headers['idempotent-replayed']).toBe('true');
  } finally {
    await alone.close();
  }
});
