import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { msToTs } from '@temporalio/common/lib/time.js';
import { workflowId } from '../../../src/order-log.js';
import {
  orderBody,
  placedOrder,
  recordedEvent,
  startTestApi,
  type Reply,
  type TestApi,
} from '../../support/api.js';
import { key, whenAtRest } from '../../support/headers.js';
import { uniqueName } from '../../support/servers.js';
import { until } from '../../support/until.js';

let api: TestApi;
/**
 * The same journal and views, and a Temporal that knows none of the orders, as when retention has
 * passed.
 */
let later: TestApi;

beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  const namespace = await emptyNamespace();
  later = await startTestApi({ TEMPORAL_NAMESPACE: namespace, MONGODB_DB: api.config.mongodb.db });
});
afterAll(async () => {
  await later.close();
  await api.close();
});

async function emptyNamespace(): Promise<string> {
  const namespace = uniqueName('later');
  const { workflowService } = api.temporal;
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs('1 day') });
  const request = { namespace, execution: { workflowId: 'none' } };
  await until(() =>
    expect(workflowService.describeWorkflowExecution(request)).rejects.toThrow('workflow not found'),
  );
  return namespace;
}

const note = (text = 'x') => ({ text });

/** Waits until the order's workflow has ended. */
async function ended(orderId: string): Promise<void> {
  await api.client.workflow.getHandle(workflowId(orderId)).result();
}

describe('a create', () => {
  test('is answered with the order, its version and its location', async () => {
    const reply = await api.post('/v1/orders', { body: orderBody() });
    const orderId = String(reply.body.orderId);
    expect(reply).toMatchObject({
      status: 201,
      headers: { etag: '"1"', location: `/v1/orders/${orderId}` },
      body: { orderId, version: 1, status: 'pending', events: [{ version: 1, type: 'OrderCreated' }] },
    });
    expect(reply.headers).not.toHaveProperty('idempotent-replayed');
    expect(reply.body).not.toHaveProperty('requestId');
  });

  test('with the same key and body is the same order', async () => {
    const sent = { body: orderBody(), headers: key() };
    const first = await api.post('/v1/orders', sent);
    const again = await api.post('/v1/orders', sent);
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true', etag: first.headers['etag'] });
  });

  test('with the same key by another actor is another order', async () => {
    const sent = { body: orderBody(), headers: key() };
    const first = await api.post('/v1/orders', sent);
    const other = await api.post('/v1/orders', { ...sent, headers: { ...sent.headers, 'x-actor': 'bob' } });
    expect(other.status).toBe(201);
    expect(other.body.orderId).not.toBe(first.body.orderId);
  });

  test('with the same key and another body is refused', async () => {
    const headers = key();
    await api.post('/v1/orders', { body: orderBody(), headers });
    const other = await api.post('/v1/orders', { body: orderBody({ note: 'other' }), headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  });

  test('with a given id can be repeated without a key', async () => {
    const id = randomUUID();
    const body = orderBody({ id });
    const first = await api.post('/v1/orders', { body });
    const again = await api.post('/v1/orders', { body });
    expect(first.body.orderId).toBe(id);
    expect(again).toMatchObject({
      status: 201,
      headers: { 'idempotent-replayed': 'true' },
      body: first.body,
    });
  });

  test('with a given id and other content is refused', async () => {
    const id = randomUUID();
    await api.post('/v1/orders', { body: orderBody({ id }) });
    const other = await api.post('/v1/orders', { body: orderBody({ id, note: 'other' }) });
    expect(other).toMatchObject({ status: 409, body: { code: 'order_exists' } });
  });

  test('that is repeated after its history has expired starts nothing', async () => {
    const sent = { body: orderBody({ id: randomUUID(), payment: { method: 'tok_declined' } }) };
    const first = await api.post('/v1/orders', sent);
    const orderId = String(first.body.orderId);
    await ended(orderId);
    const again = await later.post('/v1/orders', sent);
    expect(again).toMatchObject({
      status: 201,
      headers: { 'idempotent-replayed': 'true' },
      body: first.body,
    });
    await expect(later.client.workflow.getHandle(workflowId(orderId)).describe()).rejects.toThrow(
      'not found',
    );
  });

  test('keeps who sent it, and why', async () => {
    const headers = { ...key('k-1'), 'x-actor': 'ada', 'x-correlation-id': 'r-1' };
    const { body } = await api.post('/v1/orders', { body: orderBody({ id: randomUUID() }), headers });
    const created = await recordedEvent(api, String(body.orderId), 'OrderCreated');
    expect(created).toMatchObject({ commandId: 'ada k-1', actor: 'ada', correlationId: 'r-1' });
  });

  test('starts a workflow whose summary and details can be read in Temporal', async () => {
    const reply = await api.post('/v1/orders', { body: orderBody() });
    const description = await api.client.workflow
      .getHandle(workflowId(String(reply.body.orderId)))
      .describe();
    expect(await description.staticSummary()).toBe('c-1 · EUR 39.98');
    expect(await description.staticDetails()).toContain('EUR 19.99');
    expect(description.searchAttributes).toMatchObject({ CustomerId: ['c-1'] });
  });

  test('with respond-async is accepted', async () => {
    const reply = await api.post('/v1/orders', { body: orderBody(), headers: { prefer: 'respond-async' } });
    const orderId = String(reply.body.orderId);
    expect(reply).toMatchObject({
      status: 202,
      headers: { location: `/v1/orders/${orderId}`, 'preference-applied': 'respond-async' },
    });
    await recordedEvent(api, orderId, 'OrderConfirmed');
  });

  test('with a wait is answered when the order is confirmed', async () => {
    const reply = await api.post('/v1/orders', { body: orderBody(), headers: whenAtRest });
    expect(reply).toMatchObject({
      status: 201,
      headers: { 'preference-applied': 'wait=20' },
      body: {
        version: 1,
        events: [{ version: 1, type: 'OrderCreated' }],
        reached: { status: 'confirmed', version: 4 },
      },
    });
    expect(reply.headers['etag']).toBe('"1"');
  });

  test('with a wait has the same answer again, whatever has become of the order since', async () => {
    const body = orderBody({ id: randomUUID() });
    const first = await api.post('/v1/orders', { body, headers: { ...key('w-1'), ...whenAtRest } });
    const cancel = { body: { reason: 'x' }, headers: whenAtRest };
    await api.post(`/v1/orders/${first.body.orderId}/cancel`, cancel);
    const { reached: _, ...answer } = first.body;
    const again = await api.post('/v1/orders', { body, headers: { ...key('w-1'), ...whenAtRest } });
    expect(again.body).toMatchObject({ ...answer, reached: { status: 'cancelled' } });
    const plain = await api.post('/v1/orders', { body, headers: key('w-1') });
    expect(plain.body).toEqual(answer);
    for (const { headers } of [again, plain])
      expect(headers).toMatchObject({ etag: first.headers['etag'], 'idempotent-replayed': 'true' });
  });

  test('with a wait is answered 201 when the order is rejected', async () => {
    const body = orderBody({ payment: { method: 'tok_declined' } });
    const reply = await api.post('/v1/orders', { body, headers: whenAtRest });
    expect(reply).toMatchObject({ status: 201, body: { reached: { status: 'rejected' } } });
  });
});

describe('a command', () => {
  test('is answered with its events, and a shipment with its id', async () => {
    const orderId = await placedOrder(api);
    const reply = await api.post(`/v1/orders/${orderId}/shipments`);
    expect(reply).toMatchObject({
      status: 200,
      headers: { etag: `"${reply.body.version}"`, location: `/v1/orders/${orderId}` },
      body: { orderId, status: 'confirmed', shipmentId: 's1', events: [{ type: 'ShipmentCreated' }] },
    });
  });

  test('with the same key and body takes effect once', async () => {
    const orderId = await placedOrder(api);
    const sent = { body: note(), headers: key() };
    const first = await api.post(`/v1/orders/${orderId}/notes`, sent);
    const again = await api.post(`/v1/orders/${orderId}/notes`, sent);
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    expect(again).toMatchObject({
      status: 200,
      headers: { 'idempotent-replayed': 'true' },
      body: first.body,
    });
    expect((await api.get(`/v1/orders/${orderId}?consistency=strong`)).body.notes).toHaveLength(1);
  });

  test('with the same key and another body is refused', async () => {
    const orderId = await placedOrder(api);
    const headers = key();
    await api.post(`/v1/orders/${orderId}/notes`, { body: note('a'), headers });
    const other = await api.post(`/v1/orders/${orderId}/notes`, { body: note('b'), headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  });

  test('is judged against the version of If-Match', async () => {
    const orderId = await placedOrder(api);
    const first = await api.post(`/v1/orders/${orderId}/notes`, { body: note() });
    const match = { 'if-match': String(first.headers['etag']) };
    const second = await api.post(`/v1/orders/${orderId}/notes`, { body: note(), headers: match });
    const stale = await api.post(`/v1/orders/${orderId}/notes`, { body: note(), headers: match });
    const any = await api.post(`/v1/orders/${orderId}/notes`, { body: note(), headers: { 'if-match': '*' } });
    expect([first.status, second.status, stale.status, any.status]).toEqual([200, 200, 412, 200]);
    expect(stale.body).toMatchObject({ code: 'stale_version', version: second.body.version });
  });

  test.each(['W/"<now>"', '"<now>", "999"', '"999", "<now>"', '"abc"', '""', '"0"'])(
    'is refused if its If-Match is not understood: %s',
    async (given) => {
      const orderId = await placedOrder(api);
      const { headers } = await api.get(`/v1/orders/${orderId}`);
      const match = { 'if-match': given.replace('"<now>"', String(headers['etag'])) };
      const reply = await api.post(`/v1/orders/${orderId}/notes`, { body: note(), headers: match });
      expect(reply).toMatchObject({ status: 412, body: { code: 'stale_version' } });
    },
  );

  test('that was answered gets the same answer again although its If-Match is stale by then', async () => {
    const orderId = await placedOrder(api);
    const { headers } = await api.get(`/v1/orders/${orderId}?consistency=strong`);
    const sent = { body: note(), headers: { ...key(), 'if-match': String(headers['etag']) } };
    await api.post(`/v1/orders/${orderId}/notes`, sent);
    const again = await api.post(`/v1/orders/${orderId}/notes`, sent);
    expect(again).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
  });

  test('that does not fit the state is refused, and the answer lists the commands that fit', async () => {
    const orderId = await placedOrder(api);
    const reply = await api.post(`/v1/orders/${orderId}/release`);
    expect(reply).toMatchObject({ status: 409, body: { code: 'not_allowed', orderStatus: 'confirmed' } });
    expect(reply.body.allowedCommands).toEqual(expect.arrayContaining(['hold', 'cancel', 'shipments']));
  });

  test.each([
    [
      'a shipment of more than there is',
      'shipments',
      { lines: [{ sku: 'NONE', quantity: 1 }] },
      422,
      ['/lines/0/sku'],
    ],
    ['a shipment that is not there', 'shipments/s9/deliver', {}, 404, undefined],
    ['a return that is not there', 'returns/r9/receive', {}, 404, undefined],
  ])('to %s is refused', async (_what, path, body, status, pointers) => {
    const orderId = await placedOrder(api);
    const reply = await api.post(`/v1/orders/${orderId}/${path}`, { body });
    expect(reply.status).toBe(status);
    expect(reply.body.errors?.map((error: { pointer: string }) => error.pointer)).toEqual(pointers);
  });

  test('with respond-async is accepted and takes effect', async () => {
    const orderId = await placedOrder(api);
    const headers = { ...key(), prefer: 'respond-async' };
    const reply = await api.post(`/v1/orders/${orderId}/notes`, { body: note(), headers });
    expect(reply).toMatchObject({
      status: 202,
      body: { orderId },
      headers: { location: `/v1/orders/${orderId}` },
    });
    expect(await recordedEvent(api, orderId, 'NoteAdded')).toMatchObject({
      commandId: `anonymous ${headers['idempotency-key']}`,
    });
  });

  test('with respond-async that does not fit becomes an event', async () => {
    const orderId = await placedOrder(api);
    const reply = await api.post(`/v1/orders/${orderId}/release`, { headers: { prefer: 'respond-async' } });
    expect(reply.status).toBe(202);
    expect((await recordedEvent(api, orderId, 'CommandRejected')).data).toMatchObject({
      command: 'ReleaseOrder',
    });
  });

  test('with a wait is answered when the order has nothing left to do by itself', async () => {
    const orderId = await placedOrder(api);
    const headers = whenAtRest;
    const { body: created } = await api.post(`/v1/orders/${orderId}/shipments`, { headers });
    const path = `/v1/orders/${orderId}/shipments/${created.shipmentId}`;
    const body = { carrier: 'DHL', trackingNumber: 'T-1' };
    const dispatched = await api.post(`${path}/dispatch`, { body, headers });
    expect(dispatched).toMatchObject({ status: 200, body: { events: [{ type: 'ShipmentDispatched' }] } });
    expect((await api.get(`/v1/orders/${orderId}`)).body).toMatchObject({
      version: dispatched.body.reached.version,
      paymentStatus: 'captured',
    });
    const delivered = await api.post(`${path}/deliver`, { headers });
    expect(delivered.body.reached.status).toBe('completed');
  });

  test('with consistency=projected is in the view when it is answered', async () => {
    const orderId = await placedOrder(api);
    const reply = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, { body: note() });
    const view = await api.get(`/v1/orders/${orderId}`);
    expect(reply.headers['projected']).toBe('true');
    expect(view.headers['served-by']).toBe('view');
    expect(view.body.version).toBeGreaterThanOrEqual(reply.body.version);
  });
});

describe('an order that continues as new repeatedly', () => {
  let restless: TestApi;
  beforeAll(async () => {
    restless = await startTestApi({ CONTINUE_AS_NEW_AFTER: '10' });
    await restless.startWorker();
  });
  afterAll(async () => {
    await restless.close();
  });

  test('takes every command once, whichever run the command reaches', async () => {
    const orderId = await placedOrder(restless);
    const path = `/v1/orders/${orderId}/notes`;
    const sent = Array.from({ length: 24 }, (_, i) => ({ body: note(`n${i}`), headers: key() }));
    // A 503 means that the outcome is unknown, so the request is repeated with the same key.
    const post = async (one: (typeof sent)[number]): Promise<Reply> => {
      const reply = await restless.post(path, one);
      return reply.status === 503 ? await post(one) : reply;
    };
    const send = async (batch: typeof sent) => await Promise.all(batch.map(post));
    const first = [];
    for (let i = 0; i < sent.length; i += 6) first.push(...(await send(sent.slice(i, i + 6))));
    expect(first.map(({ status }) => status)).toEqual(sent.map(() => 200));
    const again = await send(sent.slice(0, 6));
    expect(again.map(({ body }) => body)).toEqual(first.slice(0, 6).map(({ body }) => body));
    expect(again.map(({ headers }) => headers['idempotent-replayed'])).toEqual(again.map(() => 'true'));
    const { body } = await restless.get(`/v1/orders/${orderId}?consistency=strong`);
    expect(body.notes).toHaveLength(24);
    const { raw, memo } = await restless.client.workflow.getHandle(workflowId(orderId)).describe();
    expect(memo).toHaveProperty('hash');
    const { firstRunId, execution } = raw.workflowExecutionInfo ?? {};
    expect(execution?.runId).not.toBe(firstRunId);
  });
});

describe('a command to an order whose workflow has ended', () => {
  async function cancelledOrder() {
    const orderId = await placedOrder(api);
    const sent = { body: { reason: 'changed my mind' }, headers: key() };
    const first = await api.post(`/v1/orders/${orderId}/cancel`, sent);
    await ended(orderId);
    return { orderId, sent, first };
  }

  test.each(['as Temporal knows it', 'when only the journal knows it'])(
    'is refused, or answered as before, %s',
    async (how) => {
      const { orderId, sent, first } = await cancelledOrder();
      const asked = how === 'as Temporal knows it' ? api : later;
      const again = await asked.post(`/v1/orders/${orderId}/cancel`, sent);
      expect(again).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
      expect(again.body).toEqual(first.body);
      const other = { body: { reason: 'other' }, headers: sent.headers };
      expect(await asked.post(`/v1/orders/${orderId}/cancel`, other)).toMatchObject({
        status: 422,
        body: { code: 'key_reused' },
      });
      expect(await asked.post(`/v1/orders/${orderId}/notes`, { body: note() })).toMatchObject({
        status: 409,
        body: { code: 'order_closed', allowedCommands: [] },
      });
      const stale = { body: note(), headers: { 'if-match': '"1"' } };
      expect(await asked.post(`/v1/orders/${orderId}/notes`, stale)).toMatchObject({
        status: 412,
        body: { code: 'stale_version' },
      });
    },
  );
});

test('PUT /v1/stock sets what is on hand, but not to less than what is reserved', async () => {
  const sku = `S-${randomUUID().slice(0, 8)}`;
  await placedOrder(api, { lines: [{ sku, quantity: 3, unitPrice: 100 }] });
  const set = await api.put(`/v1/stock/${sku}`, { body: { onHand: 5 }, headers: key('k-2') });
  expect(set).toMatchObject({
    status: 200,
    body: { sku, onHand: 5, reserved: 3 },
    headers: { 'idempotency-key': 'k-2' },
  });
  const low = await api.put(`/v1/stock/${sku}`, { body: { onHand: 2 } });
  expect(low).toMatchObject({
    status: 409,
    body: { code: 'stock_reserved', errors: [{ pointer: '/onHand' }] },
  });
});
