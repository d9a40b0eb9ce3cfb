import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { withParcels } from '../../../src/effects/carriers/parcels.js';
import type { Parcel, Tracked } from '../../../src/effects/carriers/port.js';
import { sandboxCarriers } from '../../../src/effects/carriers/sandbox-carriers.js';
import { trackingRows } from '../../../src/effects/carriers/tracking-rows.js';
import { type Tracking, trackedIn, trackParcels } from '../../../src/effects/carriers/tracking.js';
import { loadProviders } from '../../../src/effects/provider-modules.js';
import type { Label } from '../../../src/order/order.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { orders } from '../../../src/views/orders.js';
import { carriersOf } from '../../../workers/roles/activities.js';
import type { RunningRole } from '../../../workers/roles/role.js';
import { startTracking } from '../../../workers/roles/tracking.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { until } from '../../support/until.js';

const shippingAddress = { street: '1 Main St', city: 'Berlin', country: 'DE' };

/** A parcel that left under a booked label. */
interface Sent extends Parcel {
  readonly orderId: string;
}

async function sent(api: TestApi, carrier: string, leavesAs: object = {}): Promise<Sent> {
  const orderId = await placedOrder(api, { shippingAddress });
  const path = `/v1/orders/${orderId}`;
  await api.post(`${path}/shipments`, { body: {}, headers: whenAtRest });
  await api.post(`${path}/shipments/s1/label`, { body: { carrier }, headers: whenAtRest });
  const label = await until(async () => {
    const its: Label = (await api.get(path)).body.shipments[0].label;
    if (its.status !== 'booked') throw new Error(its.status);
    return its;
  });
  const reply = await api.post(`${path}/shipments/s1/dispatch`, { body: leavesAs, headers: whenAtRest });
  expect(reply.status).toBe(200);
  // Tracking may have found the parcel delivered meanwhile.
  await until(async () =>
    expect(['dispatched', 'delivered']).toContain((await api.get(path)).body.shipments[0].status),
  );
  return { orderId, carrier: label.carrier, trackingNumber: label.trackingNumber };
}

async function becomes(api: TestApi, { orderId }: Sent, status: string): Promise<void> {
  await until(async () => expect((await api.get(`/v1/orders/${orderId}`)).body.status).toBe(status));
}

async function deliveries(api: TestApi, { orderId }: Sent): Promise<readonly object[]> {
  const { data } = (await api.get(`/v1/orders/${orderId}/events`)).body;
  return data.filter(({ type }: { type: string }) => type === 'ShipmentDelivered');
}

describe('with the sandbox', () => {
  let api: TestApi;
  const trackers: RunningRole[] = [];

  /** A tracker as the role `worker` has it. */
  function track(trackEveryMs: number): RunningRole {
    const { config, temporal, mongo, tail } = api;
    const logger = createLogger('silent');
    const tracker = startTracking({ config: { ...config, trackEveryMs }, temporal, mongo, tail, logger });
    trackers.push(tracker);
    return tracker;
  }

  beforeAll(async () => {
    api = await startTestApi();
    await api.startWorker();
  });
  afterAll(async () => {
    await Promise.all(trackers.map((tracker) => tracker.stop()));
    await api.close();
  });

  test('a lost webhook is replaced by polling, once, and an undelivered parcel stays as it is', async () => {
    const [parcel, other] = [await sent(api, 'DHL'), await sent(api, 'DHL')];
    const tracker = track(100);
    await until(async () => expect(await trackingRows(api.mongo.db).countDocuments()).toBe(2));
    await sandboxCarriers(api.mongo.db).deliver(parcel);
    await becomes(api, parcel, 'completed');
    // Two processes poll, for many rounds.
    const second = track(100);
    const its = { _id: `${other.orderId}:s1` };
    const { askedAt = '' } = (await trackingRows(api.mongo.db).findOne(its)) ?? {};
    await until(async () => {
      const row = await trackingRows(api.mongo.db).findOne({ ...its, askedAt: { $gt: askedAt } });
      expect(row).not.toBeNull();
    });
    expect(await deliveries(api, parcel)).toMatchObject([{ actor: 'carriers', data: { shipmentId: 's1' } }]);
    expect(await deliveries(api, other)).toEqual([]);
    // A row is kept for as long as its parcel is on its way.
    await until(async () => {
      const rows = await trackingRows(api.mongo.db).find().toArray();
      expect(rows.map((row) => row.orderId)).toEqual([other.orderId]);
    });
    await Promise.all([tracker.stop(), second.stop()]);
  });

  test('a parcel that was sent with another number is not asked for', async () => {
    const parcel = await sent(api, 'DHL', { carrier: 'UPS', trackingNumber: '1Z' });
    const asked = await askedOnce(api.mongo.db);
    expect(asked).not.toContainEqual(expect.objectContaining({ trackingNumber: parcel.trackingNumber }));
    expect(asked).not.toContainEqual(expect.objectContaining({ trackingNumber: '1Z' }));
  });

  test('if the order cannot be reached, the carrier is asked again soon', async () => {
    const parcel = await sent(api, 'DHL');
    const { db } = api.mongo;
    await sandboxCarriers(db).deliver(parcel);
    const stopping = new AbortController();
    const told: string[] = [];
    const problems: unknown[] = [];
    const tracking = trackParcels({
      db,
      provider: carriersOf(db),
      everyMs: 3_600_000,
      delivered({ orderId }) {
        if (orderId !== parcel.orderId) return Promise.resolve();
        told.push(orderId);
        return told.length === 1 ? Promise.reject(new Error('Temporal is away')) : Promise.resolve();
      },
      health: { failed: (error) => problems.push(error), worked: () => undefined },
      signal: stopping.signal,
    });
    await until(async () => expect(told).toHaveLength(2), 60);
    stopping.abort();
    await tracking;
    expect(problems).toMatchObject([{ message: 'Temporal is away' }]);
  });

  test('parcels are found by an index of orders with labels', async () => {
    const plan = await orders(api.mongo.db).find(withParcels).sort({ _id: 1 }).explain('executionStats');
    const { totalDocsExamined } = plan['executionStats'] as { readonly totalDocsExamined: number };
    expect(JSON.stringify(plan)).toContain('state.shipments.label.status_1');
    expect(totalDocsExamined).toBeLessThanOrEqual(await orders(api.mongo.db).countDocuments(withParcels));
  });
});

/** The parcels that two processes ask about in one round, at the same time. */
async function askedOnce(db: Tracking['db']): Promise<readonly Parcel[]> {
  await trackingRows(db).deleteMany({});
  const asked: Parcel[] = [];
  const stopping = new AbortController();
  let rounds = 0;
  const tracking: Tracking = {
    db,
    provider: {
      name: 'carriers (test)',
      port: {
        ...sandboxCarriers(db),
        track: (parcel) => {
          asked.push(parcel);
          return Promise.resolve({ type: 'in_transit' });
        },
      },
      limits: { concurrency: 4, timeoutMs: 5_000 },
    },
    everyMs: 3_600_000,
    delivered: () => Promise.reject(new Error('nothing was delivered')),
    health: {
      failed: () => undefined,
      worked: () => {
        rounds += 1;
      },
    },
    signal: stopping.signal,
  };
  const both = [trackParcels(tracking), trackParcels(tracking)];
  await until(async () => expect(rounds).toBe(2));
  stopping.abort();
  await Promise.all(both);
  expect(new Set(asked.map(({ trackingNumber }) => trackingNumber)).size).toBe(asked.length);
  return asked;
}

describe('with a module that fails', () => {
  let api: TestApi;
  let folder: string;
  let tracker: RunningRole;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'orders-tracking-'));
    const path = join(folder, 'carriers.mjs');
    await writeFile(
      path,
      `const answers = new Map();
      export const limits = { concurrency: 1, timeoutMs: 150 };
      export async function book({ key, carrier, orderId }) {
        const answer = { type: 'booked', carrier, trackingNumber: orderId };
        answers.set(key, answer);
        return answer;
      }
      export const lookUp = async (key) => answers.get(key) ?? { type: 'none' };
      export async function track({ carrier }) {
        if (carrier === 'hang') await new Promise(() => {});
        if (carrier === 'throw') throw new Error('no route to the carrier');
        if (carrier === 'nonsense') return { type: 'delivered', when: 'today' };
        return { type: 'delivered', deliveredAt: '2026-01-01T00:00:00.000Z' };
      }`,
    );
    api = await startTestApi({ CARRIERS: path, ATTENTION_AFTER: '1s', TRACK_INTERVAL: '200ms' });
    await api.startWorker();
    const { config, temporal, mongo, tail } = api;
    const providers = await loadProviders(config);
    tracker = startTracking({ config, temporal, mongo, tail, logger: createLogger('silent'), providers });
  });
  afterAll(async () => {
    await tracker.stop();
    await api.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('is named until the parcel has arrived, and delays no other order', async () => {
    const failing = [
      [await sent(api, 'hang'), 'did not answer in 150 ms'],
      [await sent(api, 'throw'), 'track failed: no route to the carrier'],
      [await sent(api, 'nonsense'), "answered { type: 'delivered', when }: expected { type: 'in_transit' }"],
    ] as const;
    await becomes(api, await sent(api, 'any'), 'completed');
    await until(async () => {
      const { data } = (await api.get('/v1/attention?code=tracking_failing')).body;
      for (const [{ orderId }, problem] of failing)
        expect(data).toContainEqual({
          orderId,
          code: 'tracking_failing',
          since: expect.any(String),
          detail: expect.stringContaining(problem),
          remedy: expect.stringContaining(`npx orders deliver ${orderId} s1`),
        });
    });
    // Labels are booked meanwhile, although one call at a time is allowed and one hangs.
    const last = await sent(api, 'any');
    await becomes(api, last, 'completed');
    const [[{ orderId }]] = failing;
    await api.post(`/v1/orders/${orderId}/shipments/s1/deliver`, { body: {}, headers: whenAtRest });
    await until(async () => {
      const { data } = (await api.get('/v1/attention?code=tracking_failing')).body;
      expect(data).toHaveLength(2);
      expect(JSON.stringify(data)).not.toContain(orderId);
    });
  });
});

test.each<[unknown, Tracked | undefined]>([
  [{ type: 'in_transit', more: 1 }, { type: 'in_transit' }],
  [{ type: 'unknown' }, { type: 'unknown' }],
  [
    { type: 'delivered', deliveredAt: '2026-01-01T00:00:00Z', to: 'a neighbour' },
    { type: 'delivered', deliveredAt: '2026-01-01T00:00:00Z' },
  ],
  [{ type: 'delivered' }, undefined],
  [{ type: 'delivered', deliveredAt: 'May' }, undefined],
  [{ type: 'delivered', deliveredAt: '2026-13-01T00:00:00Z' }, undefined],
  [{ type: 'lost' }, undefined],
  ['delivered', undefined],
  [null, undefined],
])('an answer about a parcel is validated: %j', (answer, expected) => {
  expect(trackedIn(answer)).toEqual(expected);
});
