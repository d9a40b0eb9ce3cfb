import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sandboxLabels } from '../../../src/effects/carriers/sandbox-carriers.js';
import { verifyOrders } from '../../../src/effects/proof/verify-orders.js';
import { loadProviders, type Providers } from '../../../src/effects/provider-modules.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { startSequencing } from '../../support/sequencing.js';
import { until } from '../../support/until.js';

const shippingAddress = { street: '1 Main St', city: 'Berlin', country: 'DE' };

/** An order with a shipment that can be labelled. */
async function shippedOrder(api: TestApi): Promise<string> {
  const orderId = await placedOrder(api, { shippingAddress });
  const { status } = await api.post(`/v1/orders/${orderId}/shipments`, { body: {}, headers: whenAtRest });
  expect(status).toBe(200);
  return `/v1/orders/${orderId}/shipments/s1`;
}

function orderIdIn(path: string): string {
  return path.split('/')[3] ?? '';
}

async function becomes(api: TestApi, path: string, shipment: object): Promise<void> {
  await until(async () => {
    const { body } = await api.get(`/v1/orders/${orderIdIn(path)}`);
    expect(body.shipments).toMatchObject([shipment]);
  });
}

async function discrepancies(api: TestApi, path: string, providers?: Providers) {
  const { client, config, mongo } = api;
  const verified = { client, db: mongo.db, taskQueue: config.temporal.taskQueue };
  const given = providers ?? (await loadProviders(config));
  const report = await verifyOrders({ ...verified, providers: given }, { orderId: orderIdIn(path) });
  return report.discrepancies;
}

describe('with the sandbox', () => {
  let api: TestApi;
  let stopSequencing: () => Promise<void>;

  beforeAll(async () => {
    api = await startTestApi();
    await api.startWorker();
    stopSequencing = startSequencing(api.mongo.db);
  });
  afterAll(async () => {
    await stopSequencing();
    await api.close();
  });

  test('a label is booked, its shipment is dispatched with it, and the proof agrees', async () => {
    const path = await shippedOrder(api);
    const asked = { body: { carrier: 'DHL' }, headers: whenAtRest };
    const { status, body } = await api.post(`${path}/label`, asked);
    expect({ status, body }).toMatchObject({ status: 200, body: { events: [{ type: 'LabelRequested' }] } });
    const label = { status: 'booked', carrier: 'DHL', trackingNumber: expect.stringMatching(/^SP/) };
    await becomes(api, path, { status: 'created', label, allowedCommands: ['dispatch'] });
    const again = await api.post(`${path}/label`, { body: {} });
    expect(again).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('booked already') },
    });

    expect((await api.post(`${path}/dispatch`, { body: {}, headers: whenAtRest })).status).toBe(200);
    const { trackingNumber } = (await api.get(`/v1/orders/${orderIdIn(path)}`)).body.shipments[0].label;
    await becomes(api, path, {
      status: 'dispatched',
      carrier: 'DHL',
      trackingNumber,
      label,
      charge: 'captured',
    });
    expect(await discrepancies(api, path)).toEqual([]);
    const [entry, ...others] = await sandboxLabels(api.mongo.db)
      .find({ orderId: orderIdIn(path) })
      .toArray();
    expect(entry).toMatchObject({ shipmentId: 's1', calls: 1, outcome: { type: 'booked', trackingNumber } });
    expect(others).toEqual([]);
  });

  test('a refused label has a reason, and another carrier may be asked', async () => {
    const path = await shippedOrder(api);
    await api.post(`${path}/label`, { body: { carrier: 'Refusing Post' }, headers: whenAtRest });
    const label = { status: 'refused', carrier: 'Refusing Post', code: 'address_not_served' };
    await becomes(api, path, { label, allowedCommands: ['label', 'dispatch'] });
    await api.post(`${path}/label`, { body: { carrier: 'Flaky Post' }, headers: whenAtRest });
    await becomes(api, path, { label: { status: 'booked', carrier: 'Flaky Post' } });
    expect(await discrepancies(api, path)).toEqual([]);
  });

  test('without a label, a dispatch names carrier and tracking number, as before', async () => {
    const path = await shippedOrder(api);
    for (const [body, pointer] of [
      [{}, '/carrier'],
      [{ trackingNumber: '1' }, '/carrier'],
      [{ carrier: 'DHL' }, '/trackingNumber'],
    ] as const)
      expect(await api.post(`${path}/dispatch`, { body })).toMatchObject({
        status: 400,
        body: { code: 'parcel_unknown', errors: [{ pointer, in: 'body' }] },
      });
    const sent = { carrier: 'DHL', trackingNumber: '1' };
    expect((await api.post(`${path}/dispatch`, { body: sent })).status).toBe(200);
    await becomes(api, path, { ...sent, status: 'dispatched' });
  });

  test('an order without an address gets no label', async () => {
    const orderId = await placedOrder(api);
    await api.post(`/v1/orders/${orderId}/shipments`, { body: {}, headers: whenAtRest });
    expect(await api.post(`/v1/orders/${orderId}/shipments/s1/label`, { body: {} })).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('no shipping address') },
    });
  });

  test('the label of a cancelled shipment is still shown', async () => {
    const path = await shippedOrder(api);
    await api.post(`${path}/label`, { body: {}, headers: whenAtRest });
    await becomes(api, path, { label: { status: 'booked' } });
    await api.post(`/v1/orders/${orderIdIn(path)}/cancel`, { body: { reason: 'no' }, headers: whenAtRest });
    await becomes(api, path, { status: 'cancelled', label: { status: 'booked' }, allowedCommands: [] });
  });

  test.each([
    [
      'a label that is missing',
      (_id: string) => sandboxLabels(api.mongo.db).deleteOne({ _id }),
      'has no answer',
    ],
    [
      'another tracking number',
      (_id: string) =>
        sandboxLabels(api.mongo.db).updateOne(
          { _id },
          { $set: { 'outcome.trackingNumber': `other ${_id}` } },
        ),
      'answered {',
    ],
    [
      'a label that the log does not have',
      async (_id: string) => {
        const entry = await sandboxLabels(api.mongo.db).findOne({ _id });
        if (entry === null) throw new Error('no entry');
        const { outcome: _, ...rest } = entry;
        await sandboxLabels(api.mongo.db).insertOne({ ...rest, _id: `${entry.orderId}:book:99` });
      },
      'the log has no effect',
    ],
  ])('the proof finds %s', async (_, alter, detail) => {
    const path = await shippedOrder(api);
    await api.post(`${path}/label`, { body: {}, headers: whenAtRest });
    await becomes(api, path, { label: { status: 'booked' } });
    const [key = ''] = await sandboxLabels(api.mongo.db).distinct('_id', { orderId: orderIdIn(path) });
    await alter(key);
    expect(await discrepancies(api, path)).toMatchObject([
      { where: 'carriers', kind: 'differs', detail: expect.stringContaining(detail) },
    ]);
  });
});

describe('with a module from outside the project', () => {
  let api: TestApi;
  let folder: string;
  let stopSequencing: () => Promise<void>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'orders-carriers-'));
    const path = join(folder, 'carriers.mjs');
    const ledger = JSON.stringify(join(folder, 'ledger'));
    await writeFile(
      path,
      `import { appendFile } from 'node:fs/promises';
      const answers = new Map();
      export const limits = { concurrency: 2, timeoutMs: 200 };
      export async function book(request) {
        if (request.carrier === 'hang') await new Promise(() => {});
        if (request.carrier === 'throw') throw new Error('no route to ' + request.receiver.city);
        if (request.carrier === 'nonsense') return { ok: true };
        await appendFile(${ledger}, JSON.stringify(request) + '\\n');
        const answer = { type: 'booked', carrier: 'Own Post', trackingNumber: request.shipmentId + '-1' };
        answers.set(request.key, answer);
        return answer;
      }
      export const lookUp = async (key) => answers.get(key) ?? { type: 'none' };
      export const track = async () => ({ type: 'unknown' });`,
    );
    api = await startTestApi({ CARRIERS: path, ATTENTION_AFTER: '1s' });
    await api.startWorker();
    stopSequencing = startSequencing(api.mongo.db);
  });
  afterAll(async () => {
    await stopSequencing();
    await api.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('it gets the parcel and the receiver, and its look-up proves the label', async () => {
    const path = await shippedOrder(api);
    await api.post(`${path}/label`, { body: {}, headers: whenAtRest });
    const label = { status: 'booked', carrier: 'Own Post', trackingNumber: 's1-1' };
    await becomes(api, path, { label });
    const [request] = (await readFile(join(folder, 'ledger'), 'utf8')).trim().split('\n');
    const orderId = orderIdIn(path);
    expect(JSON.parse(request ?? '')).toEqual({
      key: expect.stringMatching(new RegExp(`^${orderId}:book:\\d+$`)),
      orderId,
      shipmentId: 's1',
      lines: [{ sku: expect.any(String), quantity: 2 }],
      receiver: { name: 'Ada Example', ...shippingAddress },
    });
    expect(await sandboxLabels(api.mongo.db).countDocuments()).toBe(0);
    expect(await discrepancies(api, path)).toEqual([]);

    const providers = await loadProviders(api.config);
    const { carriers } = providers;
    if (carriers === undefined) throw new Error('the module is not loaded');
    const lookUp = async () => ({ type: 'booked', carrier: 'Own Post', trackingNumber: 'other' }) as const;
    const odd = { ...providers, carriers: { ...carriers, port: { ...carriers.port, lookUp } } };
    expect(await discrepancies(api, path, odd)).toMatchObject([{ where: 'carriers', kind: 'differs' }]);
  });

  // In all, fewer than five bookings fail here, because five failures in a row would cause a pause.
  test('a nonsensical answer is not an outcome, and two labels that are owed are tried independently', async () => {
    const orderId = await placedOrder(api, { shippingAddress });
    const path = `/v1/orders/${orderId}`;
    const [{ sku }] = (await api.get(path)).body.lines;
    for (const _ of ['s1', 's2'])
      await api.post(`${path}/shipments`, { body: { lines: [{ sku, quantity: 1 }] }, headers: whenAtRest });
    await api.post(`${path}/shipments/s1/label`, { body: { carrier: 'throw' } });
    await api.post(`${path}/shipments/s2/label`, { body: { carrier: 'nonsense' } });
    await until(async () => {
      expect((await api.get(`${path}/next`)).body.effects).toMatchObject([
        { type: 'book', lastError: expect.stringContaining('no route to') },
        { type: 'book', lastError: expect.stringContaining("answered { ok }: expected { type: 'booked'") },
      ]);
    });
  });

  test('it is named if it hangs or throws, and delays no other order', async () => {
    const paths: string[] = [];
    for (const carrier of ['hang', 'throw']) {
      const path = await shippedOrder(api);
      await api.post(`${path}/label`, { body: { carrier } });
      paths.push(path);
    }
    const problems = [
      'did not answer in 200 ms; the outcome is unknown',
      'book failed: no route to \\*\\*\\*',
    ];
    await until(async () => {
      const { data } = (await api.get('/v1/attention?code=effect_owed')).body;
      for (const [index, path] of paths.entries())
        expect(data).toContainEqual(
          expect.objectContaining({
            orderId: orderIdIn(path),
            detail: expect.stringMatching(problems[index] ?? ''),
          }),
        );
    });
    const path = await shippedOrder(api);
    await api.post(`${path}/label`, { body: {} });
    await becomes(api, path, { label: { status: 'booked' } });
    // The parcel may leave under another number, whatever the outcome of the label.
    const sent = { carrier: 'DHL', trackingNumber: '1' };
    for (const owed of paths) expect((await api.post(`${owed}/dispatch`, { body: sent })).status).toBe(200);
  });
});
