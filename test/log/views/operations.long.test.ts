import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endpointLog } from '../../../src/endpoint/endpoint-log.js';
import { readFeed } from '../../../src/log/feed/feed.js';
import { journal } from '../../../src/log/journal/journal.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { latestReconciliations } from '../../../src/log/proof/reconciliation-reports.js';
import { parkedAudit } from '../../../src/log/views/feeding/interventions.js';
import { parkedEvents } from '../../../src/log/views/parked-events.js';
import { storeRebuilds } from '../../../src/log/rebuilding/store-rebuild.js';
import type { StoreStatus, ViewStatus } from '../../../src/api/schemas/projections.js';
import { orderLog } from '../../../src/order-log.js';
import { customers } from '../../../src/views/customers.js';
import { orders } from '../../../src/views/orders.js';
import { views } from '../../../src/views/views.js';
import { runWithoutTemporal } from '../../cli/without-temporal.js';
import { type Api, apiAt } from '../../support/orders-over-http.js';
import type { RoleProcess } from '../../support/role-process.js';
import { shared } from '../../support/servers.js';
import { createSystem } from '../../support/system.js';
import { until } from '../../support/until.js';

const system = createSystem();
const { db } = system;
let api: Api;
let feed: RoleProcess;
let address: string;

beforeAll(async () => {
  const [serving, feeding] = await Promise.all([system.start('write,read,worker'), startFeed()]);
  address = serving.address;
  api = apiAt(address);
  feed = feeding;
}, 120_000);
afterAll(() => system.end());

/** A process of the role `feed`, without scheduled reconciliations. */
function startFeed(): Promise<RoleProcess> {
  return system.start('feed', { RECONCILE_INTERVAL: '24h' });
}

async function viewOf(name: string): Promise<ViewStatus & StoreStatus> {
  const { status, body } = await api.get('/v1/projections');
  expect(status).toBe(200);
  return [...body.views, ...body.stores].find((one) => one.name === name);
}

/** Waits until no view lags. */
async function upToDate(): Promise<void> {
  await until(async () => {
    const { body } = await api.get('/v1/projections');
    expect(body.feed.unsequenced).toBe(0);
    expect(body.views.map((view: ViewStatus) => view.eventsBehind)).toEqual(views.map(() => 0));
    expect(body.feed.head).toBe(await journal(orderLog, db).countDocuments());
  });
}

async function rebuild(name: string): Promise<void> {
  const { status, headers, body } = await api.post(`/v1/projections/${name}/rebuild`);
  expect({ status, body }).toEqual({ status: 202, body: { name, rebuildId: expect.any(String) } });
  expect(headers['location']).toBe('/v1/projections');
  await until(async () => expect(await viewOf(name)).toMatchObject({ rebuildId: body.rebuildId }));
}

function customerOf(id: string) {
  return { customer: { id, name: `Customer ${id}` } };
}

test('the orders of customers show in the feed views, with the views’ positions', async () => {
  const id = `c-${randomUUID().slice(0, 8)}`;
  const sku = `S-${randomUUID().slice(0, 8)}`;
  const line = (quantity: number) => ({ lines: [{ sku, quantity, unitPrice: 500 }] });
  const shipped = await api.place({ ...customerOf(id), ...line(2) });
  await shipped.tell('shipments');
  await shipped.tell('shipments/s1/dispatch', { carrier: 'DHL', trackingNumber: '1' });
  const cancelled = await api.place({ ...customerOf(id), ...line(3) });
  await cancelled.tell('cancel', { reason: 'twice' });
  await until(async () => {
    expect((await api.get(`/v1/customers/${id}`)).body).toEqual({
      customerId: id,
      name: `Customer ${id}`,
      orders: 2,
      openOrders: 1,
      lifetimeValue: { EUR: 1000 },
      firstOrderAt: expect.any(String),
      lastOrder: { orderId: cancelled.id, createdAt: expect.any(String) },
      asOf: { position: expect.any(Number), at: expect.any(String) },
    });
    expect((await api.get(`/v1/products/${sku}`)).body).toEqual({
      sku,
      orders: 2,
      ordered: 5,
      cancelled: 3,
      shipped: 2,
      returned: 0,
      asOf: { position: expect.any(Number), at: expect.any(String) },
    });
    const { body } = await api.get('/v1/stats?currency=EUR');
    expect(body.data.at(-1)).toMatchObject({ currency: 'EUR', confirmed: 2, cancelled: 1, revenue: 1000 });
    expect(body.data.at(-1).timeToConfirm.shortest).toBeLessThanOrEqual(
      body.data.at(-1).timeToConfirm.average,
    );
  });
});

test('products are listed in pages', async () => {
  await api.place({ lines: ['P-1', 'P-2', 'P-3'].map((sku) => ({ sku, quantity: 1, unitPrice: 1 })) });
  await until(async () => expect((await api.get('/v1/products/P-3')).status).toBe(200));
  const first = (await api.get('/v1/products?limit=2')).body;
  expect(first.data).toHaveLength(2);
  const second = (await api.get(`/v1/products?limit=1000&cursor=${first.nextCursor}`)).body;
  const skus: string[] = [...first.data, ...second.data].map(({ sku }) => sku);
  expect(skus).toEqual(skus.toSorted((a, b) => (a < b ? -1 : 1)));
  expect(skus).toEqual(expect.arrayContaining(['P-1', 'P-2', 'P-3']));
  expect(second).not.toHaveProperty('nextCursor');
});

test('shipments that wait for dispatch are listed in pages, by hold and by product', async () => {
  const sku = `W-${randomUUID().slice(0, 8)}`;
  const id = `c-${randomUUID().slice(0, 8)}`;
  const order = { ...customerOf(id), lines: [{ sku, quantity: 2, unitPrice: 500 }] };
  const path = `/v1/views/awaiting-dispatch?sku=${sku}`;
  const listed = async (more = '') => {
    const { status, body } = await api.get(path + more);
    expect(status).toBe(200);
    return body;
  };
  const [first, second] = [await api.place(order), await api.place(order)];
  await first.tell('shipments');
  await second.tell('shipments');
  await second.tell('hold', { reason: 'wrong address' });
  const waiting = { customer: order.customer, lines: [{ sku, quantity: 2 }], since: expect.any(String) };
  const held = { held: true, holdReason: 'wrong address' };
  const one = { ...waiting, orderId: first.id, shipmentId: 's1', held: false };
  const other = { ...waiting, orderId: second.id, shipmentId: 's1', ...held };
  await until(async () =>
    expect(await listed()).toEqual({
      data: [one, other],
      asOf: { position: expect.any(Number), at: expect.any(String) },
    }),
  );
  expect((await listed('&held=true')).data).toEqual([other]);
  const page = await listed('&limit=1');
  expect(page.data).toEqual([one]);
  expect((await listed(`&limit=1&cursor=${page.nextCursor}`)).data).toEqual([other]);
  expect(await api.get(`/v1/views/awaiting-dispatch?cursor=${page.nextCursor}`)).toMatchObject({
    status: 400,
    body: { code: 'invalid_cursor' },
  });
  const scripted = await script(`awaiting-dispatch --sku ${sku}`);
  expect(scripted.out).toMatch(
    new RegExp(`${first.id} +s1 .*2 × ${sku}.*\\n.*${second.id} +s1 .*wrong address`),
  );
  await first.tell('shipments/s1/dispatch', { carrier: 'DHL', trackingNumber: '1' });
  await second.tell('cancel', { reason: 'twice' });
  await until(async () => expect((await listed()).data).toEqual([]));
});

test('another feed process takes over from one that was killed', async () => {
  await feed.kill();
  const id = `c-${randomUUID().slice(0, 8)}`;
  await api.place(customerOf(id));
  feed = await startFeed();
  await until(async () => expect((await api.get(`/v1/customers/${id}`)).status).toBe(200));
  await upToDate();
});

test('every view can be rebuilt, one at a time, and a feed view can be rolled back', async () => {
  await api.place();
  await upToDate();
  for (const name of [...views.map((view) => view.name), 'orders']) await rebuild(name);
  const { status, body } = await api.post('/v1/projections/customers/rollback');
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { name: 'customers', version: customers.version },
  });
  for (const name of ['orders', 'endpoints'])
    expect(await api.post(`/v1/projections/${name}/rollback`)).toMatchObject({
      status: 409,
      body: {
        code: 'no_previous_build',
        detail: expect.stringContaining(
          `Deploy the older code, then rebuild it: POST /v1/projections/${name}/`,
        ),
      },
    });
  expect(await api.post('/v1/projections/journal/rollback')).toMatchObject({
    status: 409,
    body: { code: 'no_previous_build' },
  });

  // Without a process of the role `feed` the rebuild waits, but it counts as under way.
  await feed.stop();
  const asked = await api.post('/v1/projections/customers/rebuild');
  expect(asked.status).toBe(202);
  expect(await api.post('/v1/projections/customers/rebuild')).toMatchObject({
    status: 409,
    body: { code: 'rebuild_under_way' },
  });
  feed = await startFeed();
  await until(async () =>
    expect(await viewOf('customers')).toMatchObject({ rebuildId: asked.body.rebuildId }),
  );
  await upToDate();
});

test('the state view of orders is rebuilt at start if it is of an older version, and not otherwise', async () => {
  const { id } = await api.place();
  await rebuild('orders');
  const look = () => orders(db).findOne({ _id: id }, { projection: { recorder: 0 } });
  const document = await look();
  await feed.stop();
  // The state that an older version has left.
  await storeRebuilds(db).updateOne({ _id: 'orders' }, { $set: { version: 0 } });
  await orders(db).updateOne({ _id: id }, { $set: { search: [] } });
  const { rebuildId: older } = await viewOf('orders');
  feed = await startFeed();
  const newer = await until(async () => {
    const { rebuildId } = await viewOf('orders');
    expect(rebuildId).toEqual(expect.any(String));
    expect(rebuildId).not.toBe(older);
    return rebuildId;
  });
  expect(await look()).toEqual(document);

  await feed.stop();
  feed = await startFeed();
  await rebuild('customers');
  expect(await viewOf('orders')).toMatchObject({ rebuildId: newer });
});

test('a parked event is listed, retried and skipped over HTTP', async () => {
  const { id } = await api.place();
  await upToDate();
  // Simulates that the view could not apply the order's last event.
  const [event] = (await readJournal(orderLog, db, id)).slice(-1);
  const state = await db
    .collection('projections')
    .findOneAndUpdate({ _id: 'product-demand' as never }, { $inc: { parked: 1 } });
  const { version = 0, type = 'OrderConfirmed', position = 0 } = event ?? {};
  const collection = String(state?.['collection']);
  const at = new Date().toISOString();
  await parkedEvents(db).insertOne({
    _id: `${collection}:${id}:${version}`,
    view: 'product-demand',
    collection,
    orderId: id,
    version,
    type,
    position,
    status: 'parked',
    error: 'for a test',
    at,
  });
  const path = '/v1/projections/product-demand/parked';
  expect((await api.get(`${path}?orderId=${id}`)).body).toEqual({
    data: [{ orderId: id, version, type, position, status: 'parked', error: 'for a test', at }],
  });
  await until(async () =>
    expect((await api.get('/health/ready')).body).toMatchObject({
      status: 'degraded',
      dependencies: expect.arrayContaining([
        expect.objectContaining({
          name: 'feed',
          detail: expect.stringContaining('product-demand: 1 events parked'),
        }),
      ]),
    }),
  );
  const reason = { reason: 'it is repaired' };
  expect(await api.post(`${path}/${id}/skip`, { body: { ...reason, version: 1 } })).toMatchObject({
    status: 409,
    body: { code: 'other_version_parked', version },
  });
  const done = await api.post(`${path}/${id}/retry`, { body: reason, headers: { 'x-actor': 'ada' } });
  expect(done).toMatchObject({ status: 200, body: { applied: 1, remaining: 0 } });
  expect(await parkedAudit(db).findOne({ orderId: id })).toMatchObject({
    actor: 'ada',
    action: 'retry',
    ...reason,
  });
  expect(await api.post(`${path}/${id}/retry`, { body: reason })).toMatchObject({
    status: 404,
    body: { code: 'nothing_parked' },
  });
});

test('metrics show how far everything lags', async () => {
  await upToDate();
  await until(async () => {
    const text = await (await fetch(`${address}/metrics`)).text();
    expect(text).toMatch(/^orders_feed_position [1-9]\d*$/m);
    expect(text).toMatch(/^orders_feed_lag_seconds 0$/m);
    expect(text).toMatch(/^orders_view_lag_events\{view="customers"\} 0$/m);
    expect(text).toMatch(/^orders_view_parked_events\{view="daily-stats"\} 0$/m);
  });
});

test.each([
  ['/v1/customers/no-such-customer', 404, 'customer_not_found'],
  ['/v1/customers/a%20b', 400, 'invalid_request'],
  ['/v1/products/no-such-product', 404, 'product_not_found'],
  ['/v1/products?limit=0', 400, 'invalid_request'],
  ['/v1/products?cursor=mine', 400, 'invalid_cursor'],
  ['/v1/views/awaiting-dispatch?held=perhaps', 400, 'invalid_request'],
  ['/v1/views/awaiting-dispatch?cursor=mine', 400, 'invalid_cursor'],
  ['/v1/stats?from=2026-02-30', 400, 'invalid_request'],
  ['/v1/stats?from=yesterday', 400, 'invalid_request'],
  ['/v1/stats?to=2026-01-01T00:00:00Z', 400, 'invalid_request'],
  ['/v1/stats?from=2026-02-01&to=2026-01-01', 400, 'invalid_request'],
  ['/v1/stats?from=2020-01-01&to=2026-01-01', 400, 'invalid_request'],
  ['/v1/stats?currency=euro', 400, 'invalid_request'],
  ['/v1/stats?since=2026-01-01', 400, 'invalid_request'],
  ['/v1/projections/nothing/parked', 404, 'projection_not_found'],
  ['/v1/projections/orders/parked', 404, 'projection_not_found'],
  ['/v1/projections/customers/parked?after=-1', 400, 'invalid_request'],
])('GET %s is %i %s', async (path, status, code) => {
  expect(await api.get(path)).toMatchObject({ status, body: { code } });
});

test.each([
  ['/v1/projections/nothing/rebuild', {}, 404, 'projection_not_found'],
  ['/v1/projections/customers/rebuild', { from: 7 }, 400, 'invalid_request'],
  ['/v1/projections/nothing/rollback', {}, 404, 'projection_not_found'],
  ['/v1/projections/nothing/parked/o-1/skip', { reason: 'x' }, 404, 'projection_not_found'],
  ['/v1/projections/customers/parked/o-1/skip', { reason: 'x' }, 404, 'nothing_parked'],
  ['/v1/projections/customers/parked/o-1/retry', {}, 400, 'invalid_request'],
  ['/v1/projections/customers/parked/o-1/skip', { reason: '' }, 400, 'invalid_request'],
  ['/v1/projections/customers/parked/o-1/skip', { reason: 'x', version: 0 }, 400, 'invalid_request'],
])('POST %s %j is %i %s', async (path, body, status, code) => {
  expect(await api.post(path, { body })).toMatchObject({ status, body: { code } });
});

test('a comparison is made on request, and its findings are printed', async () => {
  await upToDate();
  const { exitCode, out, err } = await script('reconcile --now');
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  expect(out).toMatch(/orders?, \d+ of them event by event\n.*\nnothing differs/);
  const reports = async () => await latestReconciliations(orderLog, db, 100);
  const before = (await reports()).length;
  const json = await script('reconcile --now --json');
  expect(json).toMatchObject({ exitCode: 0 });
  expect(await reports()).toHaveLength(before + 1);
  const { others, ...ofOrders } = JSON.parse(json.out);
  expect((await reports())[0]).toEqual(ofOrders);
  const [ofEndpoints] = await latestReconciliations(endpointLog, db, 1);
  expect(others).toEqual([{ entity: 'endpoint', ...ofEndpoints }]);
});

/** Runs a client script against the API. */
async function script(line: string) {
  return await runWithoutTemporal(line, {
    ORDERS_URL: address,
    TEMPORAL_ADDRESS: shared.temporalAddress,
    TEMPORAL_TASK_QUEUE: system.taskQueue,
    MONGODB_URI: shared.mongodbUri,
    MONGODB_DB: db.databaseName,
  });
}

test('the client scripts show, rebuild and roll back the views', async () => {
  const id = `c-${randomUUID().slice(0, 8)}`;
  await api.place({ ...customerOf(id), lines: [{ sku: 'CLI-1', quantity: 4, unitPrice: 250 }] });
  await until(async () => expect((await script(`customer ${id}`)).exitCode).toBe(0));
  await upToDate();
  expect((await script(`customer ${id}`)).out).toMatch(/orders +1, 1 of them open\npaid +nothing/);
  expect((await script('demand CLI-1')).out).toMatch(/CLI-1 +1 +4 +0 +0 +0\nas of position \d+/);
  expect((await script('stats --currency EUR')).out).toMatch(/^\d{4}-\d\d-\d\d +\d+/m);
  expect((await script('projections')).out).toMatch(/^daily-stats +\d +[\d,]+ +0 +0\.0 s +0$/m);

  expect(await script('rebuild customers')).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^customers is rebuilt: version \d+, position [\d,]+$/),
  });
  // The workflow of the rebuild at start may be assigned to a worker that is gone. It counts as
  // under way until Temporal notices.
  const rebuilt = await until(async () => {
    const again = await script('rebuild orders --json');
    expect(again).toMatchObject({ exitCode: 0 });
    return again;
  });
  expect(JSON.parse(rebuilt.out)).toMatchObject({ name: 'orders', exceptions: { count: 0 } });
  expect((await script('rebuild customers --rollback')).out).toMatch(
    /^customers is back to version \d+, position \d+$/,
  );
  expect(await script('rebuild orders --rollback')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('no_previous_build'),
  });
  const restored = await script('rebuild --from history');
  expect(restored.out).toBe('journal is rebuilt\nendpoint-journal is rebuilt');

  expect((await script('parked list customers')).out).toBe('nothing is parked');
  expect(await script(`parked skip customers ${id}:3 --reason trial`)).toMatchObject({
    exitCode: 3,
    err: expect.stringContaining('nothing_parked'),
  });
});

test.each([
  ['rebuild', 2, 'say which view'],
  ['rebuild customers --from history', 2, 'name none'],
  ['rebuild nothing', 3, 'projection_not_found'],
  ['parked retry customers o-1:0 --reason x', 2, 'expected ORDER or ORDER:VERSION'],
  ['parked retry customers o-1', 2, '--reason'],
  ['stats --from 2026-02-30', 2, 'must be a day of the calendar'],
  ['customer nobody', 3, 'customer_not_found'],
])('`orders %s` ends with %i and prints %j', async (line, exitCode, said) => {
  const ended = await script(line);
  expect(ended).toMatchObject({ exitCode, err: expect.stringContaining(said) });
});

test('journal and views come back from the workflow histories alone', async () => {
  for (const method of ['tok_ok', 'tok_declined']) await api.place({ payment: { method } });
  await upToDate();
  const log = async () =>
    await journal(orderLog, db)
      .find({}, { projection: { recordedAt: 0, position: 0 } })
      .sort({ _id: 1 })
      .toArray();
  const before = {
    log: await log(),
    orders: await orders(db)
      .find({}, { projection: { recorder: 0 } })
      .sort({ _id: 1 })
      .toArray(),
    customers: (await api.get('/v1/customers/c-1')).body,
    products: (await api.get('/v1/products')).body,
  };
  expect(before.orders.length).toBeGreaterThan(1);

  await db.dropDatabase();
  expect((await api.get('/v1/products')).body.data).toEqual([]);
  await rebuild('journal');
  await upToDate();

  expect(await log()).toEqual(before.log);
  expect(
    await orders(db)
      .find({}, { projection: { recorder: 0 } })
      .sort({ _id: 1 })
      .toArray(),
  ).toEqual(before.orders);
  const { asOf: _, ...customer } = before.customers;
  await until(async () => expect((await api.get('/v1/customers/c-1')).body).toMatchObject(customer));
  await until(async () => expect((await api.get('/v1/products')).body.data).toEqual(before.products.data));
  const feedNow = await readFeed(orderLog, db, 0, before.log.length + 1);
  expect(feedNow.map(({ position }) => position)).toEqual(before.log.map((_event, index) => index + 1));
  expect(await viewOf('journal')).toMatchObject({ exceptions: { count: 0, orderIds: [] } });
});
