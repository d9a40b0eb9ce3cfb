import { setTimeout } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { audit } from '../support/audit.js';
import { type BreakableServer, breakableMongodb, breakableTemporal } from '../support/breakable-server.js';
import { key } from '../support/headers.js';
import {
  type Api,
  apiAt,
  byDhl,
  orderBody,
  paidWith,
  type PlacedOrder,
} from '../support/orders-over-http.js';
import { outageSeconds } from '../support/outage.js';
import { createSystem, type ServerAddresses, type System } from '../support/system.js';
import { until } from '../support/until.js';

// The tests run at the same time, each with a separate system, because most of their time is
// waiting.
const LIMIT_MS = (outageSeconds + 240) * 1_000;
const CREATE_EVERY_MS = 5_000;
const noWait = { prefer: '' };

test.concurrent(
  'while MongoDB hangs, orders are accepted and none fails, and afterwards all continue',
  () =>
    mongodbIsAway((mongodb) => ({ begin: async () => mongodb.freeze(), end: async () => mongodb.thaw() })),
  LIMIT_MS,
);

test.concurrent(
  'while MongoDB is killed and restarted on its data, orders are accepted and none fails',
  () => mongodbIsAway((mongodb) => ({ begin: () => mongodb.kill(), end: () => mongodb.revive() })),
  LIMIT_MS,
);

async function mongodbIsAway(
  outageOf: (mongodb: BreakableServer) => { begin(): Promise<void>; end(): Promise<void> },
): Promise<void> {
  const mongodb = await breakableMongodb();
  const outage = outageOf(mongodb);
  await onSystem(
    { mongodb: mongodb.address },
    async (system) => {
      const server = await system.start('write,read,worker');
      const api = apiAt(server.address);
      const confirmed = await api.place();
      const onItsWay = await api.place();
      const { shipmentId } = (await onItsWay.tell('shipments')).body;
      await onItsWay.tell(`shipments/${shipmentId}/dispatch`, byDhl);
      const inFlight = await placedInFlight(system, api);

      const since = Date.now();
      await outage.begin();
      const created = createAll(api, since);
      const shipped = await confirmed.tell('shipments', {}, noWait);
      await confirmed.tell(`shipments/${shipped.body.shipmentId}/dispatch`, byDhl, noWait);
      await onItsWay.tell(`shipments/${shipmentId}/deliver`, {}, noWait);
      await inFlight.tell('notes', { text: 'while MongoDB is away' }, noWait);
      expect(await api.get(`/v1/orders/${confirmed.id}`)).toMatchObject({
        status: 200,
        headers: { 'served-by': 'workflow' },
        body: { shipments: [{ status: 'dispatched' }] },
      });
      expect(await api.get('/v1/orders')).toMatchObject({
        status: 503,
        body: { code: 'mongodb_unavailable' },
      });
      expect(await api.get('/health/ready')).toMatchObject({
        status: 200,
        body: {
          status: 'degraded',
          dependencies: expect.arrayContaining([
            downOf('mongodb'),
            expect.objectContaining({ name: 'forks', status: 'unknown' }),
            expect.objectContaining({ name: 'feed', status: 'unknown' }),
          ]),
        },
      });
      // The worker that cannot record the decided events reports them without MongoDB.
      await until(async () =>
        expect(await (await fetch(`${server.address}/metrics`)).text()).toMatch(
          /^orders_unrecorded\{stage="decided"\} [1-9]/m,
        ),
      );
      const during = await created;
      await outage.end();

      await becomeConfirmed([inFlight, ...during]);
      await onItsWay.becomes({ status: 'completed' });
      await confirmed.becomes({ captured: 3998 }, 60);
      await confirmed.tell(`shipments/${shipped.body.shipmentId}/deliver`);
      await confirmed.becomes({ status: 'completed' });
      expect(server.isRunning()).toBe(true);
      await audit(system);
    },
    mongodb,
  );
}

test.concurrent(
  'with all workers down, orders are accepted, and a key has its answer once workers are back',
  () =>
    onSystem({}, async (system) => {
      const [{ address }, worker] = await Promise.all([system.start('write,read'), system.start('worker')]);
      const api = apiAt(address);
      const confirmed = await api.place();
      const inFlight = await placedInFlight(system, api);

      const since = Date.now();
      await worker.kill();
      const created = createAll(api, since);
      const shipment = key();
      const path = `/v1/orders/${confirmed.id}`;
      expect(await api.post(`${path}/shipments`, { headers: shipment })).toMatchObject(noAnswer);
      expect(
        (await api.post(`${path}/notes`, { body: { text: 'x' }, headers: { prefer: 'respond-async' } }))
          .status,
      ).toBe(202);
      expect(await api.get(path)).toMatchObject({ status: 200, headers: { 'served-by': 'view' } });
      const during = await created;
      const [first] = during;
      expect(await api.get(`/v1/orders/${first?.id}`)).toMatchObject({
        status: 200,
        headers: { 'served-by': 'history' },
        body: { status: 'pending', version: 1 },
      });
      await until(async () => {
        expect(await api.get('/health/ready')).toMatchObject({
          status: 200,
          body: { status: 'degraded', dependencies: expect.arrayContaining([downOf('workers')]) },
        });
      }, 15);

      await system.start('worker');
      const { body } = await until(async () => {
        const reply = await api.post(`${path}/shipments`, { headers: shipment });
        expect(reply.status).toBe(200);
        return reply;
      }, 60);
      await confirmed.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
      await confirmed.tell(`shipments/${body.shipmentId}/deliver`);
      await confirmed.becomes({ status: 'completed' });
      const log = await confirmed.log();
      expect(log.filter((type) => type === 'ShipmentCreated' || type === 'NoteAdded')).toHaveLength(2);
      await becomeConfirmed([inFlight, ...during]);
      await audit(system);
    }),
  LIMIT_MS,
);

test.concurrent(
  'while Temporal hangs or restarts on its data, reads use the views, and writes work afterwards',
  async () => {
    const temporal = await breakableTemporal();
    await onSystem(
      { temporal: temporal.address },
      async (system) => {
        const server = await system.start('write,read,worker');
        const api = apiAt(server.address);
        const order = await api.place();
        const inFlight = await placedInFlight(system, api);

        temporal.freeze();
        const createKey = key();
        const [create, hold] = await duringTemporalOutage(api, order, createKey, 'hold');
        await setTimeout((outageSeconds * 1_000) / 2);
        temporal.thaw();
        const created = await until(async () => {
          const reply = await create();
          expect(reply.status).toBe(201);
          return api.order(String(reply.body.orderId));
        }, 60);
        await until(async () => expect((await hold()).status).toBe(200), 60);
        await becomeConfirmed([created, inFlight]);

        await temporal.kill();
        const [, release] = await duringTemporalOutage(api, order, createKey, 'release');
        await setTimeout((outageSeconds * 1_000) / 2);
        await temporal.revive();
        await until(async () => expect((await release()).status).toBe(200), 60);
        const { body } = await order.tell('shipments');
        await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
        await order.tell(`shipments/${body.shipmentId}/deliver`);
        await order.becomes({ status: 'completed', held: false });
        const log = await order.log();
        expect(log.filter((type) => type === 'OrderHeld' || type === 'OrderReleased')).toHaveLength(2);
        expect(server.isRunning()).toBe(true);
        await audit(system);
      },
      temporal,
    );
  },
  LIMIT_MS,
);

/**
 * Checks what works while Temporal is unavailable. Returns the create and the command without an
 * answer, to be sent again.
 */
async function duringTemporalOutage(
  api: Api,
  order: PlacedOrder,
  createKey: Readonly<Record<string, string>>,
  command: 'hold' | 'release',
) {
  const path = `/v1/orders/${order.id}`;
  const sent = key();
  const create = () => api.post('/v1/orders', { body: orderBody(), headers: createKey });
  const again = () =>
    api.post(`${path}/${command}`, { body: command === 'hold' ? { reason: 'check' } : {}, headers: sent });
  expect(await again()).toMatchObject(noAnswer);
  if (command === 'hold') expect(await create()).toMatchObject(noAnswer);
  expect(await api.get(path)).toMatchObject({ status: 200, headers: { 'served-by': 'view' } });
  expect(await api.get('/v1/orders?status=confirmed')).toMatchObject({
    status: 200,
    body: { data: expect.arrayContaining([expect.objectContaining({ orderId: order.id })]) },
  });
  expect(await order.log()).toContain('OrderConfirmed');
  expect(await api.get('/health/ready')).toMatchObject({
    status: 503,
    body: {
      status: 'unavailable',
      roles: { write: 'unavailable', read: 'ready' },
      dependencies: expect.arrayContaining([
        downOf('temporal'),
        expect.objectContaining({ name: 'workers', status: 'unknown' }),
      ]),
    },
  });
  return [create, again] as const;
}

const noAnswer = {
  status: 503,
  headers: { 'retry-after': expect.any(String) },
  body: { code: 'outcome_unknown' },
};

function downOf(name: string) {
  return expect.objectContaining({ name, status: 'down' });
}

/** Runs a test with a separate system, and ends the system and its `broken` server. */
async function onSystem(
  servers: ServerAddresses,
  story: (system: System) => Promise<void>,
  broken?: BreakableServer,
): Promise<void> {
  const system = createSystem(servers);
  try {
    await story(system);
  } finally {
    await system.end();
    await broken?.end();
  }
}

/** An order with an authorization in flight at the provider. */
async function placedInFlight({ db }: System, api: Api): Promise<PlacedOrder> {
  const { body } = await api.post('/v1/orders', { body: orderBody(paidWith('tok_slow')) });
  const { orderId } = body;
  const ledger = sandboxLedger(db);
  await until(async () => expect(await ledger.countDocuments({ orderId })).toBe(1));
  return api.order(String(orderId));
}

/**
 * Creates orders until the end of an outage that began at `since`. Each create must be answered.
 */
async function createAll(api: Api, since: number): Promise<readonly PlacedOrder[]> {
  const created: PlacedOrder[] = [];
  do {
    const reply = await api.post('/v1/orders', { body: orderBody(), headers: key() });
    expect(reply).toMatchObject({ status: 201, body: { status: 'pending', version: 1 } });
    created.push(api.order(String(reply.body.orderId)));
    await setTimeout(CREATE_EVERY_MS);
  } while (Date.now() < since + outageSeconds * 1_000);
  return created;
}

async function becomeConfirmed(orders: readonly PlacedOrder[]): Promise<void> {
  await Promise.all(orders.map((order) => order.becomes({ status: 'confirmed' }, 90)));
}
