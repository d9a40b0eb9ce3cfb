import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { verifyOrders } from '../../src/effects/proof/verify-orders.js';
import { loadProviders } from '../../src/effects/provider-modules.js';
import { createLogger } from '../../src/server/logging/logger.js';
import type { RunningRole } from '../../workers/roles/role.js';
import { startTracking } from '../../workers/roles/tracking.js';
import { orderBody, startTestApi, type TestApi } from '../support/api.js';
import { whenAtRest } from '../support/headers.js';
import { startSequencing } from '../support/sequencing.js';
import { until } from '../support/until.js';

const example = resolve('test/effects/example-provider/payments.mjs');

let api: TestApi;
let folder: string;
let stopSequencing: () => Promise<void>;
let tracker: RunningRole;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orders-own-provider-'));
  process.env['EXAMPLE_LEDGER'] = join(folder, 'ledger');
  // A custom module outside of the project. It uses the example, and misbehaves depending on the
  // payment method.
  const path = join(folder, 'misbehaving.mjs');
  await writeFile(
    path,
    `export * from ${JSON.stringify(example)};
    import { authorize as willingly } from ${JSON.stringify(example)};
    export const limits = { concurrency: 2, timeoutMs: 200 };
    export async function authorize(request, options) {
      if (request.method === 'tok_hang') await new Promise(() => {});
      if (request.method === 'tok_throw') throw new Error('no route to the bank');
      if (request.method === 'tok_nonsense') return { ok: true };
      return await willingly(request, options);
    }`,
  );
  process.env['EXAMPLE_STOCK'] = join(folder, 'stock');
  const warehouse = join(folder, 'warehouse.mjs');
  const stocks = JSON.stringify(resolve('test/effects/example-provider/inventory.mjs'));
  await writeFile(warehouse, `export * from ${stocks};`);
  process.env['EXAMPLE_LABELS'] = join(folder, 'labels');
  const post = join(folder, 'post.mjs');
  const books = JSON.stringify(resolve('test/effects/example-provider/carriers.mjs'));
  await writeFile(post, `export * from ${books};`);
  api = await startTestApi({
    PAYMENTS: path,
    INVENTORY: warehouse,
    CARRIERS: post,
    ATTENTION_AFTER: '1s',
    TRACK_INTERVAL: '200ms',
  });
  await api.startWorker();
  const { config, temporal, mongo, tail } = api;
  const providers = await loadProviders(config);
  tracker = startTracking({ config, temporal, mongo, tail, logger: createLogger('silent'), providers });
  stopSequencing = startSequencing(api.mongo.db);
});
afterAll(async () => {
  await tracker.stop();
  await stopSequencing();
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function place(method: string): Promise<string> {
  const { status, body } = await api.post('/v1/orders', { body: orderBody({ payment: { method } }) });
  expect(status).toBe(201);
  return String(body.orderId);
}

async function becomes(orderId: string, expected: object): Promise<void> {
  await until(async () => expect((await api.get(`/v1/orders/${orderId}`)).body).toMatchObject(expected));
}

test('an order is paid at a provider from outside the project, and its look-up proves it', async () => {
  const orderId = await place('tok_ok');
  await becomes(orderId, { status: 'confirmed', paymentStatus: 'authorized' });
  const { body: shipped } = await api.post(`/v1/orders/${orderId}/shipments`, { body: {} });
  const tracking = { carrier: 'DHL', trackingNumber: '1' };
  const { shipmentId } = shipped;
  await api.post(`/v1/orders/${orderId}/shipments/${shipmentId}/dispatch`, { body: tracking });
  await becomes(orderId, { paymentStatus: 'captured', captured: 3998 });
  const ledger = (await readFile(join(folder, 'ledger'), 'utf8')).trim().split('\n');
  const requests = ledger.map((line) => JSON.parse(line).request);
  expect(requests.filter(({ key }) => key.startsWith(orderId))).toMatchObject([
    { type: 'authorize', amount: 3998, currency: 'EUR', method: 'tok_ok' },
    { type: 'capture', amount: 3998 },
  ]);
  const { client, config, mongo } = api;
  const verified = { client, db: mongo.db, taskQueue: config.temporal.taskQueue };
  const providers = await loadProviders(config);
  expect((await verifyOrders({ ...verified, providers }, { orderId })).discrepancies).toEqual([]);
  const proof = `/v1/orders/${orderId}/proof`;
  const [one, other] = await Promise.all([api.get(proof), api.get(proof)]);
  expect(one).toMatchObject({ status: 200, body: { agrees: true, differences: [] } });
  expect(other.body).toEqual(one.body);

  // After `askUntil`, the provider is not asked.
  const late = await verifyOrders({ ...verified, providers, askUntil: 0 }, { orderId });
  const detail = expect.stringContaining('there was no time left to ask');
  const paid = { where: 'payments', kind: 'unanswered', detail, remedy: expect.stringContaining('charged') };
  const moved = { where: 'stock', kind: 'unanswered', detail, remedy: expect.stringContaining('inventory') };
  const byPlace = late.discrepancies.toSorted((a, b) => (a.where < b.where ? -1 : 1));
  expect(byPlace).toMatchObject([paid, paid, moved, moved]);

  const { payments } = providers;
  if (payments === undefined) throw new Error('the module is not loaded');
  const lookUp = async () => ({ type: 'refunded', cardholder: 'Ada Example' }) as const;
  const odd = { ...providers, payments: { ...payments, port: { ...payments.port, lookUp } } };
  const differs = {
    kind: 'differs',
    detail: expect.stringContaining("says { type: 'refunded', cardholder } of"),
  };
  const { discrepancies } = await verifyOrders({ ...verified, providers: odd }, { orderId });
  expect(discrepancies).toMatchObject([differs, differs]);
  expect(JSON.stringify(discrepancies)).not.toContain('Ada');
});

test('goods are reserved and taken at an inventory from outside the project', async () => {
  const scarce = orderBody({ lines: [{ sku: 'MANY', quantity: 1_001, unitPrice: 1 }] });
  const { body } = await api.post('/v1/orders', { body: scarce, headers: whenAtRest });
  await becomes(body.orderId, { status: 'rejected' });
  const lines = (await readFile(join(folder, 'stock'), 'utf8')).trim().split('\n');
  const types = lines.map((line) => JSON.parse(line).request.type);
  expect(new Set(types)).toEqual(new Set(['reserve', 'deduct']));
  // The built-in inventory has no movement of these orders.
  expect(await api.mongo.db.collection('stock_movements').countDocuments()).toBe(0);
});

test('a label is booked at carriers from outside the project, and its parcel is tracked there', async () => {
  const shippingAddress = { street: 'Platz der Republik 1', city: 'Berlin', country: 'DE' };
  const { body: placed } = await api.post('/v1/orders', { body: orderBody({ shippingAddress }) });
  const orderId = String(placed.orderId);
  await becomes(orderId, { status: 'confirmed' });
  await api.post(`/v1/orders/${orderId}/shipments`, { body: {} });
  await api.post(`/v1/orders/${orderId}/shipments/s1/label`, { body: {} });
  const booked = { status: 'booked', carrier: 'Example Post', trackingNumber: expect.stringMatching(/^EX/) };
  await becomes(orderId, { shipments: [{ label: booked }] });
  await api.post(`/v1/orders/${orderId}/shipments/s1/dispatch`, { body: {} });
  const { carriers } = await loadProviders(api.config);
  expect(await carriers?.port.labels?.(orderId)).toBe(1);
  const { shipments } = (await api.get(`/v1/orders/${orderId}`)).body;
  const { carrier, trackingNumber } = shipments[0].label;
  await carriers?.port.deliver?.({ carrier, trackingNumber });
  await becomes(orderId, { shipments: [{ status: 'delivered', carrier, trackingNumber }] });
  expect(await readFile(join(folder, 'labels'), 'utf8')).not.toContain('Republik');
});

test('a provider that hangs, throws or answers nonsense is named, and delays no other order', async () => {
  const [hangs, throws, lies] = [
    await place('tok_hang'),
    await place('tok_throw'),
    await place('tok_nonsense'),
  ];
  await becomes(await place('tok_ok'), { status: 'confirmed' });
  const problems = [
    [hangs, 'payments \\(.*misbehaving.mjs\\) did not answer in 200 ms; the outcome is unknown'],
    [throws, 'payments \\(.*misbehaving.mjs\\): authorize failed: no route to the bank'],
    [lies, 'payments \\(.*misbehaving.mjs\\): authorize answered { ok }: expected { type: .authorized'],
  ] as const;
  await until(async () => {
    const { data } = (await api.get('/v1/attention?code=effect_owed')).body;
    for (const [orderId, problem] of problems)
      expect(data).toContainEqual(
        expect.objectContaining({
          orderId,
          detail: expect.stringMatching(problem),
          attempts: expect.any(Number),
        }),
      );
  });
  // Places another order while the effects of the others fail and are retried.
  await becomes(await place('tok_ok'), { status: 'confirmed' });
});
