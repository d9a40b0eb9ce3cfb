import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openAll } from '../../../src/sealing/opening.js';
import { forks } from '../../../src/log/journal/fork.js';
import { journal } from '../../../src/log/journal/journal.js';
import { logs } from '../../../src/entity-logs.js';
import { orderLog, workflowId } from '../../../src/order-log.js';
import { orders } from '../../../src/views/orders.js';
import { orderBody, placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { until } from '../../support/until.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
});
afterAll(async () => {
  await api.close();
});

describe('an order', () => {
  test('is answered from its view, whole but for what is not public', async () => {
    const orderId = await placedOrder(api, {
      customer: { id: 'c-1', name: 'Ada Example', email: 'ada@example.com' },
      shippingAddress: { street: 'Main St 1', city: 'Berlin', country: 'DE' },
      tags: ['gift'],
      shippingFee: 500,
    });
    await api.post(`/v1/orders/${orderId}/shipments`, { headers: whenAtRest });
    await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, { body: { text: 'ring twice' } });
    const { status, headers, body } = await api.get(`/v1/orders/${orderId}`);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ etag: `"${body.version}"`, 'served-by': 'view' });
    const document = await orders(api.mongo.db).findOne({ _id: orderId });
    const opened = await openAll(api.mongo.keyStore, document);
    expect(opened.value).toMatchObject(body);
    const kept = Object.keys(document ?? {}).filter((name) => !(name in body));
    const hidden = ['_id', 'finished', 'persons', 'recorder', 'search', 'settled', 'skus', 'state'];
    expect(kept.toSorted()).toEqual(hidden);
    expect(body).toMatchObject({ orderId, status: 'confirmed', total: 4498, tags: ['gift'] });
  });

  test('is answered 304 while it is unchanged', async () => {
    const orderId = await placedOrder(api);
    const etag = String((await api.get(`/v1/orders/${orderId}`)).headers['etag']);
    for (const tag of [etag, `W/${etag}`, `"0", ${etag}`, '*']) {
      const reply = await api.get(`/v1/orders/${orderId}`, { 'if-none-match': tag });
      expect(reply).toMatchObject({ status: 304, body: '', headers: { etag } });
    }
    await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, { body: { text: 'x' } });
    expect((await api.get(`/v1/orders/${orderId}`, { 'if-none-match': etag })).status).toBe(200);
  });

  test('without a view is not answered as unknown while it is being resumed', async () => {
    const orderId = randomUUID();
    const resume = { commandId: `ada ${orderId}`, correlationId: orderId, actor: 'ada', reason: 'lost' };
    await api.client.workflow.start('order', {
      workflowId: workflowId(orderId),
      taskQueue: `nobody-${orderId}`,
      args: [{ orderId, resume: { ...resume, messages: [] } }],
    });
    const path = `/v1/orders/${orderId}`;
    for (const one of [path, `${path}?consistency=strong`, `${path}/events`])
      expect(await api.get(one)).toMatchObject({
        status: 503,
        headers: { 'retry-after': '2' },
        body: { code: 'order_resuming' },
      });
  });

  test('is the same when it is read from its workflow', async () => {
    const orderId = await placedOrder(api);
    const view = await api.get(`/v1/orders/${orderId}`);
    const strong = await api.get(`/v1/orders/${orderId}?consistency=strong`);
    expect(strong.headers['served-by']).toBe('workflow');
    expect(strong.body).toEqual(view.body);
  });

  test('lists what it waits for: only deadlines while it is at rest', async () => {
    const orderId = await placedOrder(api);
    const { status, body } = await api.get(`/v1/orders/${orderId}/next`);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        orderId,
        version: 4,
        deadlines: [{ what: 'authorization-expiry' }],
        effects: [],
        workflow: { id: `order-${orderId}`, status: 'running' },
      },
    });
    expect(body.workflow).not.toHaveProperty('url');
    expect((await api.get('/v1/orders/unknown/next')).status).toBe(404);
  });

  test('is proved: history, journal and view agree, or the answer lists the differences', async () => {
    const orderId = await placedOrder(api);
    const proof = await api.get(`/v1/orders/${orderId}/proof`);
    expect(proof).toMatchObject({
      status: 200,
      body: { orderId, version: 4, hasHistory: true, checkedAt: expect.any(String) },
    });
    const found = proof.body.differences.filter(({ where }: { where: string }) => where !== 'positions');
    expect(found).toEqual([]);
    await orders(api.mongo.db).updateOne({ _id: orderId }, { $set: { total: 1 } });
    expect((await api.get(`/v1/orders/${orderId}/proof`)).body).toMatchObject({
      agrees: false,
      differences: expect.arrayContaining([
        expect.objectContaining({ where: 'view', kind: 'differs', detail: expect.any(String) }),
      ]),
    });
    expect((await api.get('/v1/orders/unknown/proof')).status).toBe(404);
  });

  test('is answered once its view has the requested version', async () => {
    const orderId = await placedOrder(api);
    const { body } = await api.post(`/v1/orders/${orderId}/notes`, { body: { text: 'x' } });
    const reply = await api.get(`/v1/orders/${orderId}?minVersion=${body.version}`);
    expect(reply.status).toBe(200);
    expect(reply.body.version).toBeGreaterThanOrEqual(body.version);
  });

  test('is answered 503 if its view does not reach the requested version in time', async () => {
    const orderId = await placedOrder(api);
    const reply = await api.get(`/v1/orders/${orderId}?minVersion=1000`);
    expect(reply).toMatchObject({ status: 503, body: { code: 'version_not_reached' } });
    expect(reply.headers).toHaveProperty('retry-after');
  });
});

describe('the log of an order', () => {
  test('is the same from the journal and from the history', async () => {
    const orderId = await placedOrder(api);
    const recorded = await api.get(`/v1/orders/${orderId}/events`);
    const history = await api.get(`/v1/orders/${orderId}/events?source=history`);
    expect(recorded.body.data[0]).toMatchObject({
      version: 1,
      type: 'OrderCreated',
      recordedAt: expect.any(String),
    });
    const withoutRecorded = recorded.body.data.map(
      ({ recordedAt: _at, position: _position, ...event }: Record<string, unknown>) => event,
    );
    expect(history.body.data).toEqual(withoutRecorded);
  });

  test.each(['journal', 'history'])('comes in pages from the %s', async (source) => {
    const orderId = await placedOrder(api);
    const path = `/v1/orders/${orderId}/events?source=${source}`;
    const all = (await api.get(path)).body.data;
    const paged: unknown[] = [];
    let after = '0';
    for (let pages = 1; ; pages++) {
      const { body } = await api.get(`${path}&limit=2&after=${after}`);
      paged.push(...body.data);
      if (body.nextCursor === undefined) {
        expect(pages).toBe(Math.ceil(all.length / 2));
        break;
      }
      after = body.nextCursor;
    }
    expect(paged).toEqual(all);
    expect((await api.get(`${path}&after=${all.length}`)).body).toEqual({ data: [] });
    expect(await api.get(`${path}&after=${all.length + 1}`)).toMatchObject({
      status: 400,
      body: { code: 'version_unknown', version: all.length },
    });
  });

  /** The versions of the events on a page, and the start of the next page. */
  async function pageOf(orderId: string, query = '') {
    const { status, body } = await api.get(`/v1/orders/${orderId}/events${query}`);
    expect(status).toBe(200);
    const versions: number[] = body.data.map(({ version }: { version: number }) => version);
    return { versions, next: body.nextCursor };
  }

  test('can be read after a version that the view or the journal does not have yet', async () => {
    const orderId = await placedOrder(api);
    const { db } = api.mongo;
    const view = await orders(db).findOne({ _id: orderId });
    const { body } = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, {
      body: { text: 'x' },
    });
    if (view !== null) await orders(db).replaceOne({ _id: orderId }, view);
    await until(async () =>
      expect((await api.get(`/v1/orders/${orderId}`)).body.version).toBe(view?.version),
    );
    const beyond = `?after=${body.version}`;
    expect(await pageOf(orderId, beyond)).toEqual({ versions: [], next: undefined });
    await journal(orderLog, db).deleteOne({ _id: `${orderId}:${body.version}` });
    expect(await pageOf(orderId, beyond)).toEqual({ versions: [], next: undefined });
  });

  test('ends before an event that is not recorded yet, and continues with it later', async () => {
    const orderId = await placedOrder(api);
    await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, { body: { text: 'x' } });
    expect(await pageOf(orderId)).toEqual({ versions: [1, 2, 3, 4, 5], next: undefined });
    const late = await journal(orderLog, api.mongo.db).findOneAndDelete({ _id: `${orderId}:3` });
    expect(await pageOf(orderId)).toEqual({ versions: [1, 2], next: undefined });
    expect(await pageOf(orderId, '?limit=2')).toEqual({ versions: [1, 2], next: undefined });
    expect(await pageOf(orderId, '?after=2')).toEqual({ versions: [], next: undefined });
    if (late !== null) await journal(orderLog, api.mongo.db).insertOne(late);
    expect(await pageOf(orderId, '?after=2')).toEqual({ versions: [3, 4, 5], next: undefined });
  });

  test('is empty while its first event is not recorded yet', async () => {
    const orderId = await placedOrder(api);
    const { db } = api.mongo;
    await orders(db).deleteOne({ _id: orderId });
    const first = await journal(orderLog, db).findOneAndDelete({ _id: `${orderId}:1` });
    await until(async () => expect((await pageOf(orderId)).versions).toEqual([]));
    if (first !== null) await journal(orderLog, db).insertOne(first);
    expect((await pageOf(orderId)).versions).toEqual([1, 2, 3, 4]);
  });

  test('begins with the first event left if the journal has lost the earlier ones for good', async () => {
    const orderId = await placedOrder(api);
    await journal(orderLog, api.mongo.db).deleteOne({ _id: `${orderId}:1` });
    expect(await pageOf(orderId, '?limit=1')).toEqual({ versions: [2], next: '2' });
    expect(await pageOf(orderId, '?after=2')).toEqual({ versions: [3, 4], next: undefined });
  });
});

describe('stock', () => {
  test('that was never set is what the sandbox starts with', async () => {
    expect((await api.get('/v1/stock/FRESH-1')).body).toEqual({ sku: 'FRESH-1', onHand: 1_000, reserved: 0 });
    expect((await api.get('/v1/stock/OUT-1')).body).toEqual({ sku: 'OUT-1', onHand: 0, reserved: 0 });
  });

  test('is listed in pages, by SKU', async () => {
    const skus = ['Z-1', 'Z-2', 'Z-3'];
    for (const sku of skus) await api.put(`/v1/stock/${sku}`, { body: { onHand: 7 } });
    const found: string[] = [];
    let path = '/v1/stock?limit=2';
    for (;;) {
      const { body } = await api.get(path);
      found.push(...body.data.map(({ sku }: { sku: string }) => sku));
      if (body.nextCursor === undefined) break;
      path = `/v1/stock?limit=2&cursor=${body.nextCursor}`;
    }
    expect(found).toEqual(found.toSorted());
    expect(found).toEqual(expect.arrayContaining(skus));
    expect(new Set(found).size).toBe(found.length);
  });
});

describe('operations', () => {
  test('the process is live, and ready for all of its work', async () => {
    expect(await api.get('/health/live')).toMatchObject({ status: 200, body: { status: 'live' } });
    const reply = await until(async () => {
      const ready = await api.get('/health/ready');
      // No process of the role feed runs here.
      const isMissing = ({ name, status }: { name: string; status: string }) =>
        status !== 'up' && name !== 'feed' && name !== 'reconciliation';
      expect(ready.body.dependencies.filter(isMissing)).toEqual([]);
      return ready;
    });
    expect(reply).toMatchObject({ status: 200, body: { roles: { write: 'ready', read: 'ready' } } });
    const names = reply.body.dependencies.map(({ name }: { name: string }) => name);
    const rest = ['feed', 'forks', 'reconciliation', 'stock'];
    expect(names).toEqual(['temporal', 'mongodb', 'workers', 'recording', ...rest]);
  });

  test.each(logs.map((log) => [log.entity.name, log] as const))('a forked %s is named', async (name, log) => {
    const id = `${name}-forked`;
    const fork = { version: 2, journal: 'A', workflow: 'B', detectedAt: new Date().toISOString() };
    await forks(log, api.mongo.db).insertOne({ _id: id, ...fork });
    await until(async () => {
      const { status, body } = await api.get('/health/ready');
      expect({ status, state: body.status }).toEqual({ status: 200, state: 'degraded' });
      expect(body.dependencies).toContainEqual(
        expect.objectContaining({ name: 'forks', status: 'degraded', detail: `forked: ${id}` }),
      );
    });
    await forks(log, api.mongo.db).deleteOne({ _id: id });
  });

  test('requests are measured by route', async () => {
    await api.get(`/v1/orders/${randomUUID()}`);
    const { headers, body } = await api.get('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(body).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="\/v1\/orders\/:orderId",status="404"\} \d+/,
    );
  });

  test('every route is described, with every status that it answers with', async () => {
    const { body } = await api.get('/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/v1/orders',
        '/v1/orders/{orderId}',
        '/v1/orders/{orderId}/shipments/{shipmentId}/dispatch',
        '/v1/orders/{orderId}/returns/{returnId}/receive',
        '/v1/webhooks/payments',
        '/v1/stock/{sku}',
        '/health/ready',
        '/metrics',
      ]),
    );
    const statuses = Object.keys(body.paths['/v1/orders/{orderId}/hold'].post.responses);
    expect(statuses).toEqual([
      '200',
      '202',
      '400',
      '401',
      '403',
      '404',
      '409',
      '412',
      '413',
      '415',
      '421',
      '422',
      '431',
      '503',
    ]);
    expect(body.components.schemas).toHaveProperty('Problem');
    expect(JSON.stringify(body)).not.toContain('schema-0');
  });

  test('the reference loads nothing from elsewhere', async () => {
    const { status, body } = await api.get('/docs/');
    expect(status).toBe(200);
    const sources = [...String(body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url);
    expect(sources.filter((url) => /^(https?:)?\/\//.test(url))).toEqual([]);
    const script = sources.find((url) => url.endsWith('.js'));
    expect((await api.get(`/docs/${script}`)).status).toBe(200);
  });
});

test('an order is known as soon as it is accepted', async () => {
  const { body } = await api.post('/v1/orders', { body: orderBody() });
  const reply = await api.get(`/v1/orders/${body.orderId}`);
  expect(reply).toMatchObject({ status: 200, body: { orderId: body.orderId } });
});
