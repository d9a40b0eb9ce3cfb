import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openAll } from '../../../src/sealing/opening.js';
import { readFeed } from '../../../src/log/feed/feed.js';
import { workflowId, orderLog } from '../../../src/order-log.js';
import { isFinished } from '../../../src/order/order.js';
import { Orders } from '../../log/workflow/support.js';
import { orderBody, type Reply, startTestApi, type TestApi } from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { deleteHistory } from '../../support/retention.js';
import { startSequencing, untilSequenced } from '../../support/sequencing.js';
import { until } from '../../support/until.js';

describe('an order', () => {
  test('does not close before the journal has all of its events', async () => {
    const orders = await Orders.open();
    let isJournalDown = false;
    orders.activities.record = async () => {
      if (isJournalDown) throw new Error('the journal is away');
    };
    orders.activities.on('authorize', async () => {
      isJournalDown = true;
      return { type: 'declined', code: 'no_funds' };
    });
    const { order } = await orders.start();
    // The order is rejected and its stock released, but these events are not recorded.
    await order.until((state) => state.order.status === 'rejected' && state.unrecorded > 0);
    const tried = orders.activities.steps.length;
    await until(async () => expect(orders.activities.steps.length).toBeGreaterThan(tried + 1));
    expect((await order.handle.describe()).status.name).toBe('RUNNING');
    isJournalDown = false;
    await order.handle.result();
    const state = await order.state();
    expect({ unrecorded: state.unrecorded, isFinished: isFinished(state.order) }).toEqual({
      unrecorded: 0,
      isFinished: true,
    });
    const recorded = orders.activities.recorded().map(({ version }) => version);
    expect(recorded).toEqual(Array.from({ length: state.order.version }, (_, index) => index + 1));
    await orders.close();
  });
});

describe('an order whose history is gone', () => {
  let api: TestApi;
  let stopSequencing: () => Promise<void>;
  const key = randomUUID();
  const body = orderBody();
  const noteKey = randomUUID();
  let orderId: string;
  let path: string;
  let before: Readonly<Record<'order' | 'events' | 'created' | 'noted', Reply>>;

  beforeAll(async () => {
    api = await startTestApi({ RETURN_WINDOW: '1s' });
    const { db } = api.mongo;
    await api.startWorker();
    stopSequencing = startSequencing(db);
    const headers = { 'idempotency-key': key, ...whenAtRest };
    const created = await api.post('/v1/orders', { body, headers });
    orderId = created.body.orderId;
    path = `/v1/orders/${orderId}`;
    const send = async (command: string, sent: object, more = {}) => {
      const reply = await api.post(`${path}/${command}`, {
        body: sent,
        headers: { ...whenAtRest, ...more },
      });
      expect({ command, status: reply.status, body: reply.body }).toMatchObject({ command, status: 200 });
      return reply;
    };
    const noted = await send('notes', { text: 'ring twice' }, { 'idempotency-key': noteKey });
    await send('shipments', {});
    await send('shipments/s1/dispatch', { carrier: 'DHL', trackingNumber: '1' });
    await send('shipments/s1/deliver', {});
    await api.client.workflow.getHandle(workflowId(orderId)).result();
    await untilSequenced(db);
    before = { order: await api.get(path), events: await api.get(`${path}/events`), created, noted };
    await deleteHistory(api.client, orderId);
  });
  afterAll(async () => {
    await stopSequencing();
    await api.close();
  });

  test('is read, listed and searched as before', async () => {
    expect((await api.get(path)).body).toEqual(before.order.body);
    const { data } = (await api.get('/v1/orders?status=completed')).body;
    expect(data).toEqual([before.order.body]);
    expect((await api.get(`${path}/events`)).body).toEqual(before.events.body);
    const log = before.events.body.data;
    expect(log.at(-1).type).toBe('OrderClosed');
    const feed = await openAll(api.mongo.keyStore, await readFeed(orderLog, api.mongo.db, 0, 1_000));
    expect(feed.value).toEqual(log);
  });

  test('is shown as it was, with its changes', async () => {
    const { version } = before.order.body;
    expect((await api.get(`${path}?version=${version}`)).body).toEqual(before.order.body);
    expect((await api.get(`${path}?version=1`)).body).toMatchObject({ version: 1, status: 'pending' });
    expect((await api.get(`${path}?at=${new Date().toISOString()}`)).body).toEqual(before.order.body);
    expect((await api.get(`${path}/diff`)).body).toMatchObject({ from: 1, to: version });
  });

  test('is not read from a workflow: a strong read is answered from the view, and says so', async () => {
    const { status, headers, body: found } = await api.get(`${path}?consistency=strong`);
    expect({ status, servedBy: headers['served-by'] }).toEqual({ status: 200, servedBy: 'view' });
    expect(found).toEqual(before.order.body);
  });

  test('has no log in Temporal, and its answer differs from that of an unknown order', async () => {
    const gone = await api.get(`${path}/events?source=history`);
    expect(gone).toMatchObject({ status: 404, body: { code: 'history_not_kept' } });
    const unknown = await api.get(`/v1/orders/${randomUUID()}/events?source=history`);
    expect(unknown).toMatchObject({ status: 404, body: { code: 'order_not_found' } });
  });

  test('is not started again by the create that made it, and its key is not given to another order', async () => {
    const again = await api.post('/v1/orders', { body, headers: { 'idempotency-key': key } });
    expect(again).toMatchObject({
      status: 201,
      headers: { 'idempotent-replayed': 'true' },
      body: { orderId },
    });
    const other = await api.post('/v1/orders', { body: orderBody(), headers: { 'idempotency-key': key } });
    expect(other).toMatchObject({ status: 422, body: { code: 'key_reused' } });
    await expect(api.client.workflow.getHandle(workflowId(orderId)).describe()).rejects.toThrow('not found');
  });

  test('takes no new command, and answers an old one as it did', async () => {
    const { version, status: orderStatus } = before.order.body;
    const late = await api.post(`${path}/notes`, { body: { text: 'too late' } });
    expect(late).toMatchObject({
      status: 409,
      body: { code: 'order_closed', allowedCommands: [], version, orderStatus },
    });
    const again = await api.post(`${path}/notes`, {
      body: { text: 'ring twice' },
      headers: { 'idempotency-key': noteKey },
    });
    expect(again).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
    expect(again.body.events).toEqual(before.noted.body.events);
    const other = await api.post(`${path}/notes`, {
      body: { text: 'another' },
      headers: { 'idempotency-key': noteKey },
    });
    expect(other).toMatchObject({ status: 422, body: { code: 'key_reused' } });
    const stale = await api.post(`${path}/hold`, { body: { reason: 'x' }, headers: { 'if-match': '"1"' } });
    expect(stale).toMatchObject({ status: 412, body: { version } });
    expect((await api.get(`${path}/events`)).body).toEqual(before.events.body);
  });
});
