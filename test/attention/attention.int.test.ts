import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { ensureAttentionIndexes } from '../../src/attention/indexes.js';
import type { AttentionRow } from '../../src/attention/rows.js';
import { ensureCommandIndexes, type PartitionRow, partitionRows } from '../../src/kafka/command-rows.js';
import { kafkaRows } from '../../src/delivery/kafka/publishing-progress.js';
import { endpointViews } from '../../src/delivery/webhooks/endpoints.js';
import { ensureDeliveryIndexes, subscriptionRows } from '../../src/delivery/webhooks/rows.js';
import { type TrackingRow, trackingRows } from '../../src/effects/carriers/tracking-rows.js';
import { DEFAULT_LIMITS } from '../../src/effects/provider-modules.js';
import { byRequest, type Endpoint } from '../../src/endpoint/endpoint.js';
import { forks } from '../../src/log/journal/fork.js';
import { ensureStateViewIndexes, type StateDocument } from '../../src/log/entity-log/state-view.js';
import { parkedEvents } from '../../src/log/views/parked-events.js';
import { viewBuilds } from '../../src/log/views/view-builds.js';
import { logs } from '../../src/entity-logs.js';
import { append } from '../../src/log/append.js';
import { orderLog } from '../../src/order-log.js';
import { decide } from '../../src/order/decide.js';
import type { Order } from '../../src/order/order.js';
import { createLogger } from '../../src/server/logging/logger.js';
import { orders, toDocument } from '../../src/views/orders.js';
import { createActivities } from '../../workers/roles/activities.js';
import { startWorker } from '../../workers/roles/worker.js';
import { runWithoutTemporal } from '../cli/without-temporal.js';
import { orderBody, startTestApi, type TestApi } from '../support/api.js';
import { workflowBundle } from '../support/servers.js';
import { until } from '../support/until.js';

const hour = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

/** Repeats the request while a busy MongoDB does not answer in time. */
async function rowsOf(api: TestApi, query = ''): Promise<AttentionRow[]> {
  return await until(async () => {
    const { status, body } = await api.get(`/v1/attention?${query}`);
    expect({ status, body }).toMatchObject({ status: 200, body: { data: expect.any(Array) } });
    return body.data;
  });
}

/** The lines of the metrics about orders. */
async function metricsOf(api: TestApi): Promise<string> {
  const { body } = await api.get('/metrics');
  return (
    String(body)
      .match(/^orders.*$/gm)
      ?.join('\n') ?? ''
  );
}

describe('an effect that has been owed too long', () => {
  let api: TestApi;
  let stop: () => Promise<void>;
  let orderId: string;
  const fails = () => Promise.reject(new Error('the gateway does not answer'));

  beforeAll(async () => {
    api = await startTestApi({ ATTENTION_AFTER: '1s', TEMPORAL_UI_URL: 'http://ui.example/' });
    await ensureStateViewIndexes(orderLog, api.mongo.db);
    // The runtime of this process is set up by the API's own worker.
    const first = await api.startWorker();
    await first.stop();
    const { config, mongo } = api;
    const context = { config, mongo, logger: createLogger('silent') };
    const port = { authorize: fails, capture: fails, void: fails, refund: fails, lookUp: fails };
    const payments = { name: 'payments (test)', port, limits: DEFAULT_LIMITS };
    const activities = createActivities({ db: mongo.db, providers: { payments } });
    const { taskQueue } = config.temporal;
    const worker = startWorker(context, { taskQueue, workflowBundle, activities });
    await worker.ready;
    stop = () => worker.stop();
    orderId = (await api.post('/v1/orders', { body: orderBody() })).body.orderId;
  });
  afterAll(async () => {
    await stop();
    await api.client.workflow.getHandle(`order-${orderId}`).terminate();
    await api.close();
  });

  test('is listed with its attempts, its failure and the time of the next attempt', async () => {
    await until(async () => {
      const [row, ...others] = await rowsOf(api, 'code=effect_owed');
      expect(others).toEqual([]);
      expect(row).toEqual({
        orderId,
        code: 'effect_owed',
        since: expect.any(String),
        detail: expect.stringMatching(
          new RegExp(`authorize of EUR 39.98 \\(key ${orderId}:authorize:2\\).*the gateway does not answer`),
        ),
        remedy: expect.stringContaining(`npx orders events ${orderId}`),
        attempts: expect.any(Number),
        nextTryAt: expect.any(String),
      });
      expect(row?.attempts).toBeGreaterThan(2);
    });
  });

  test('is listed as what its order waits for, with the order’s workflow', async () => {
    const { body } = await until(async () => {
      const next = await api.get(`/v1/orders/${orderId}/next`);
      // `nextTryAt` is absent while an attempt is running.
      expect(next.body.effects[0].nextTryAt).toBeDefined();
      return next;
    });
    expect(body).toEqual({
      orderId,
      version: 2,
      deadlines: [],
      effects: [
        {
          type: 'authorize',
          key: `${orderId}:authorize:2`,
          summary: 'authorize EUR 39.98',
          amount: 3998,
          since: expect.any(String),
          attempts: expect.any(Number),
          lastError: expect.stringContaining('the gateway does not answer'),
          nextTryAt: expect.any(String),
        },
      ],
      workflow: {
        id: `order-${orderId}`,
        runId: expect.any(String),
        status: 'running',
        url: `http://ui.example/namespaces/default/workflows/order-${orderId}/${body.workflow.runId}/history`,
      },
    });
  });

  test('shows in the answer of its order even if the client has a copy of that version', async () => {
    const { body, headers } = await api.get(`/v1/orders/${orderId}`);
    const since = body.attention?.[0]?.since;
    expect(body.attention).toEqual([expect.objectContaining({ code: 'effect_owed', orderId })]);
    expect(
      (await api.get(`/v1/orders/${orderId}`, { 'if-none-match': String(headers['etag']) })).status,
    ).toBe(200);
    // A note changes the order, but not the effect.
    const note = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, { body: { text: 'x' } });
    expect(note.status).toBe(200);
    expect((await api.get(`/v1/orders/${orderId}`)).body.attention).toEqual([
      expect.objectContaining({ code: 'effect_owed', since }),
    ]);
  });

  test('can be filtered for in the list of orders, which does not say why', async () => {
    const listed = async (query: string) => (await api.get(`/v1/orders?${query}`)).body.data;
    expect(await listed('attention=true')).toEqual([expect.objectContaining({ orderId })]);
    expect(await listed('attention=true&status=pending&held=false')).toHaveLength(1);
    expect(await listed('attention=false')).toEqual([]);
    expect((await listed('attention=true'))[0]).not.toHaveProperty('attention');
  });

  test('is listed without its attempts while Temporal is away', async () => {
    const { db } = api.config.mongodb;
    const cut = await startTestApi({
      ATTENTION_AFTER: '1s',
      MONGODB_DB: db,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    try {
      const [row, ...others] = await rowsOf(cut);
      expect(others).toEqual([]);
      expect(row).toMatchObject({ orderId, code: 'effect_owed' });
      expect(row).not.toHaveProperty('attempts');
      expect((await cut.get(`/v1/orders/${orderId}`)).body.attention).toHaveLength(1);
      const { body: next } = await cut.get(`/v1/orders/${orderId}/next`);
      expect(next.effects).toMatchObject([{ type: 'authorize' }]);
      expect(next.effects[0]).not.toHaveProperty('attempts');
      expect(next).not.toHaveProperty('workflow');
    } finally {
      // This API shares its database with the other one, so the database is not dropped.
      await cut.app.close();
      await cut.tail.stop();
      await cut.mongo.close();
      await cut.temporal.close();
    }
  });

  test('is measured by its type', async () => {
    await until(async () => {
      const metrics = await metricsOf(api);
      expect(metrics).toMatch(/^orders_owed_oldest_seconds\{effect="authorize"\} [\d.]+$/m);
      expect(metrics).toMatch(/^orders\{status="pending"\} 1$/m);
    });
  });

  test('is not listed if only older ones are asked for', async () => {
    expect(await rowsOf(api, 'olderThan=1h')).toEqual([]);
  });
});

describe('orders that no worker has decided', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({ ATTENTION_AFTER: '500ms' });
  });
  afterAll(() => api.close());

  test('are listed as one row, of the oldest, with their number', async () => {
    const created: string[] = [];
    for (let n = 0; n < 3; n += 1)
      created.push((await api.post('/v1/orders', { body: orderBody() })).body.orderId);
    await until(async () => {
      expect(await rowsOf(api)).toEqual([
        {
          orderId: created[0],
          code: 'order_undecided',
          since: expect.any(String),
          detail: expect.stringContaining('no worker has decided it'),
          remedy: 'start a worker: ROLES=worker npm start',
        },
      ]);
    });
    await until(async () => {
      const metrics = await metricsOf(api);
      expect(metrics).toMatch(/^orders_unrecorded\{stage="undecided"\} 3$/m);
    });
    await until(async () => {
      const { body } = await api.get('/health/ready');
      expect(body.dependencies).toContainEqual(
        expect.objectContaining({
          name: 'recording',
          status: 'degraded',
          detail: expect.stringContaining('3 orders wait for a worker'),
        }),
      );
    });
    await api.startWorker();
    await until(async () => expect(await rowsOf(api)).toEqual([]));
    await until(async () => {
      const metrics = await metricsOf(api);
      expect(metrics).toMatch(/^orders_unrecorded\{stage="undecided"\} 0$/m);
    });
  });
});

describe('the list of what needs an operator', () => {
  let api: TestApi;
  let db: Db;
  beforeAll(async () => {
    api = await startTestApi({ KAFKA_BROKERS: '127.0.0.1:9092' });
    ({ db } = api.mongo);
    await Promise.all([
      ...logs.map((log) => ensureStateViewIndexes(log, db)),
      ensureAttentionIndexes(db),
      ensureDeliveryIndexes(db),
      ensureCommandIndexes(db),
    ]);
    const some = [5, 4, 3, 2, 1];
    const quiet = Array.from({ length: 200 }, (_, n) => toDocument(orderOf(`quiet-${n}`)));
    const stopped = (code: 'workflow_ended' | 'workflow_rewound', hours: number) => ({
      ...toDocument(orderOf(`${code}-${hours}`, { owed: [owed(code, hours)] })),
      stopped: { code, since: ago(hours * hour), detail: 'found so', remedy: 'npx orders resume' },
    });
    await orders(db).insertMany([
      ...quiet,
      ...some.map((hours) => toDocument(orderOf(`owed-${hours}`, { owed: [owed(`owed-${hours}`, hours)] }))),
      ...some.map((hours) => toDocument(orderOf(`pending-${hours}`, pendingSince(hours)))),
      ...some.map((hours) => toDocument({ ...orderOf(`fact-${hours}`), ...unmatched(hours) })),
      ...some.map((hours) => stopped('workflow_ended', hours)),
      ...some.map((hours) => stopped('workflow_rewound', hours)),
      ...some.map((hours) => toDocument(withParcel(`untracked-${hours}`, 'dispatched'))),
      toDocument(withParcel('arrived', 'delivered')),
    ]);
    await trackingRows(db).insertMany([
      ...some.map((hours) => untracked(`untracked-${hours}`, hours)),
      untracked('arrived', 4),
    ]);
    await forks(orderLog, db).insertMany(
      some.map((hours) => ({
        _id: `forked-${hours}`,
        version: 3,
        journal: 'NoteAdded' as const,
        workflow: 'OrderHeld' as const,
        detectedAt: ago(hours * hour),
      })),
    );
    const build = { collection: 'customers_2', version: 1, position: 9, parked: 10, at: ago(hour) };
    await viewBuilds(db).insertOne({ _id: 'customers', epoch: 1, builds: 2, ...build });
    await parkedEvents(db).insertMany(
      ['customers_1', 'customers_2'].flatMap((collection) =>
        some.flatMap((hours) =>
          (['parked', 'waiting'] as const).map((status, index) => ({
            _id: `${collection}:parked-${hours}:${index + 1}`,
            view: 'customers',
            collection,
            orderId: `parked-${hours}`,
            version: index + 1,
            type: 'NoteAdded' as const,
            position: hours,
            status,
            error: 'no such field',
            at: ago(hours * hour),
          })),
        ),
      ),
    );
    await endpointViews(db).insertMany([
      ...some.map((hours) => endpointOf(`endpoint-${hours}`, 'disabled', ago(hours * hour))),
      endpointOf('wanted', 'disabled', ago(hour), byRequest),
      ...some.map((hours) => endpointOf(`failing-${hours}`, 'enabled', ago(hours * hour))),
      endpointOf('healthy', 'enabled', ago(hour)),
    ]);
    const failing = (failingSince?: string) => ({
      generation: 1,
      position: 1,
      delivered: 0,
      health: { failures: 3, ...(failingSince !== undefined && { failingSince }) },
    });
    await subscriptionRows(db).insertMany([
      ...some
        .filter((hours) => hours !== 4)
        .map((hours) => ({ _id: `failing-${hours}`, endpointVersion: 1, ...failing(ago(hours * hour)) })),
      { _id: 'endpoint-1', endpointVersion: 1, ...failing(ago(hour)) },
      { _id: 'healthy', endpointVersion: 1, ...failing() },
    ]);
    const ofKafka = failing(ago(4 * hour));
    const why = 'nothing is led by failing-4';
    await kafkaRows(db).insertMany([
      { _id: 'orders.events', ...ofKafka, health: { ...ofKafka.health, failure: why } },
      { _id: 'former.events', ...ofKafka },
    ]);
    await partitionRows(db).insertMany([
      ...some.map((hours) => waitingCommand('orders.commands', hours, new Date())),
      waitingCommand('orders.commands', 9, new Date(Date.now() - hour)),
      waitingCommand('former.commands', 9, new Date()),
    ]);
    await db.collection<{ _id: string }>('stock').insertMany(
      some.map((hours) => ({
        _id: `SKU-${hours}`,
        sku: `SKU-${hours}`,
        onHand: 0,
        reserved: 0,
        toBeCounted: true,
        updatedAt: ago(hours * hour),
      })),
    );
  });
  afterAll(() => api.close());

  const prefixes = [
    'forked',
    'workflow_ended',
    'workflow_rewound',
    'owed',
    'pending',
    'fact',
    'untracked',
    'parked',
    'endpoint',
    'failing',
    'offset',
    'SKU',
  ];
  const expected = prefixes.flatMap((prefix) => [5, 4, 3, 2, 1].map((hours) => `${prefix}-${hours}`));
  const nameOf = ({ orderId, detail }: AttentionRow) =>
    orderId ?? /(?:SKU|endpoint|failing|offset)-\d/.exec(detail)?.[0];

  test.each([1, 2, 7, 50, 200])(
    'comes in pages of %d, with each row once, the most serious and oldest first',
    async (limit) => {
      const found: AttentionRow[] = [];
      let path = `/v1/attention?limit=${limit}`;
      for (;;) {
        const { status, body } = await api.get(path);
        expect(status).toBe(200);
        expect(body.data.length).toBeLessThanOrEqual(limit);
        found.push(...body.data);
        if (body.nextCursor === undefined) break;
        path = `/v1/attention?limit=${limit}&cursor=${body.nextCursor}`;
      }
      expect(found.map(nameOf)).toEqual(expected);
      for (const { since, detail, remedy } of found) {
        expect(since).toMatch(/^\d{4}-/);
        expect(detail).not.toBe('');
        expect(remedy).not.toBe('');
      }
    },
  );

  test.each([
    ['effect_owed', 'owed'],
    ['payment_pending', 'pending'],
    ['order_forked', 'forked'],
    ['workflow_ended', 'workflow_ended'],
    ['tracking_failing', 'untracked'],
    ['event_parked', 'parked'],
    ['endpoint_disabled', 'endpoint'],
    ['subscription_failing', 'failing'],
    ['command_waiting', 'offset'],
    ['stock_to_be_counted', 'SKU'],
  ])('can be limited to %s, and to what is older', async (code, prefix) => {
    const names = async (query: string) => (await rowsOf(api, query)).map(nameOf);
    expect(await names(`code=${code}`)).toEqual([5, 4, 3, 2, 1].map((hours) => `${prefix}-${hours}`));
    expect(await names(`code=${code}&olderThan=210m`)).toEqual([`${prefix}-5`, `${prefix}-4`]);
  });

  test.each(logs.map((log) => [log.entity.name, log] as const))(
    'lists a forked or an ended %s, with commands that exist',
    async (name, log) => {
      const since = ago(9 * hour);
      const fork = { version: 3, journal: 'A', workflow: 'B', detectedAt: since };
      const stopped = {
        code: 'workflow_ended',
        since,
        detail: 'it has ended',
        remedy: log.cliLines.resume('x-1'),
      };
      const views = db.collection<{ readonly _id: string }>(log.view.collection);
      const marked = { _id: 'x-1', orderId: 'x-1', stopped };
      await Promise.all([forks(log, db).insertOne({ _id: 'x-1', ...fork }), views.insertOne(marked)]);
      try {
        for (const code of ['order_forked', 'workflow_ended']) {
          const [row] = await rowsOf(api, `code=${code}`);
          expect(row).toMatchObject({ code, since });
          expect(row?.orderId ?? row?.detail).toMatch(name === 'order' ? /^x-1$/ : `${name} x-1: `);
          expect(row?.remedy).toContain(log.cliLines.resume('x-1'));
        }
        const [row] = await rowsOf(api, 'code=order_forked');
        expect(row?.remedy).toContain(log.cliLines.verify('x-1'));
      } finally {
        await Promise.all([forks(log, db).deleteOne({ _id: 'x-1' }), views.deleteOne({ _id: 'x-1' })]);
      }
    },
  );

  test.each(['code=nonsense', 'olderThan=long', 'olderThan=282663026d', 'cursor=x', 'limit=0'])(
    'refuses %s',
    async (query) => {
      expect((await api.get(`/v1/attention?${query}`)).status).toBe(400);
    },
  );

  test('and the filter of orders agree', async () => {
    const { body } = await api.get('/v1/orders?attention=true&limit=200');
    const ids = body.data.map(({ orderId }: { orderId: string }) => orderId);
    const ofViews = expected.filter(
      (name) => !/^(forked|untracked|parked|endpoint|failing|offset|SKU)/.test(name),
    );
    expect(ids.toSorted()).toEqual(ofViews.toSorted());
    const others = await api.get('/v1/orders?attention=false&limit=200');
    expect(others.body.data).toHaveLength(200);
  });

  test('and the filter are served by indexes', async () => {
    await db.command({ profile: 2 });
    await rowsOf(api, 'limit=200');
    expect((await api.get('/v1/orders?attention=true')).status).toBe(200);
    await db.command({ profile: 0 });
    const asked = await db
      .collection('system.profile')
      .find({ op: 'query', ns: { $ne: `${db.databaseName}.projections` } })
      .toArray();
    expect(asked.length).toBeGreaterThan(7);
    for (const { ns, planSummary, docsExamined } of asked) {
      expect({ ns, planSummary }).toEqual({ ns, planSummary: expect.stringMatching(/^(IXSCAN|IDHACK|EOF)/) });
      expect(docsExamined).toBeLessThan(60);
    }
  });

  test('is printed by the script, with remedies', async () => {
    const address = await api.app.listen({ port: 0, host: '127.0.0.1' });
    const line = `attention --url ${address} --code stock_to_be_counted --limit 1`;
    const { exitCode, out } = await runWithoutTemporal(line);
    expect(exitCode).toBe(0);
    expect(out).toContain('npx orders stock set SKU-5 <onHand>');
    expect(out).toMatch(/there are more: --cursor \S+/);
  });
});

function waitingCommand(topic: string, hours: number, seenAt: Date): PartitionRow {
  const waiting = {
    record: `${topic}:${hours}:7`,
    since: ago(hours * hour),
    why: `no answer at offset-${hours}`,
  };
  return { _id: `topic-id-of-${topic}:${hours}`, topic, waiting, seenAt };
}

function endpointOf(
  _id: string,
  status: Endpoint['status'],
  updatedAt: string,
  disabledBecause = 'it answered 410 Gone',
) {
  const url = 'https://shop.example/hooks';
  const lists = { eventTypes: [], customers: [], tags: [], secretIds: [] };
  const state = {
    orderId: _id,
    version: 1,
    status,
    updatedAt,
    url,
    payload: 'event',
    rejections: 0,
    ...lists,
  };
  const endpoint = { ...state, ...(status === 'disabled' && { disabledBecause }) } as Endpoint;
  return { ...endpoint, _id, finished: false, state: endpoint } as StateDocument<Endpoint>;
}

/** A pending order that owes nothing any more. */
function orderOf(orderId: string, change: Partial<Order> = {}): Order {
  const occurredAt = '2026-01-01T00:00:00.000Z';
  const decision = decide(
    undefined,
    {
      type: 'CreateOrder',
      data: {
        customer: { id: 'c-1', name: 'Ada Example' },
        currency: 'EUR',
        lines: [{ sku: 'A-1', quantity: 1, unitPrice: 100 }],
        payment: { method: 'tok_ok' },
        tags: [],
        terms: { paymentDeadline: 24 * hour, returnWindow: 1, authorizationTtl: 1 },
      },
    },
    occurredAt,
  );
  if ('refusal' in decision) throw new Error(decision.refusal.message);
  const cause = { occurredAt, commandId: 'k', correlationId: 'k', causationId: 'k.0', actor: 'test' };
  return {
    ...append(orderLog.entity, orderId, undefined, decision.events, cause).state,
    owed: [],
    ...change,
  };
}

function owed(orderId: string, hours: number): Order['owed'][number] {
  return {
    type: 'release',
    lines: [],
    key: `${orderId}:release:2`,
    correlationId: randomUUID(),
    since: ago(hours * hour),
  };
}

function pendingSince(hours: number): Partial<Order> {
  const deadline = new Date(Date.now() + (24 - hours) * hour).toISOString();
  const entry = { authorizationId: 'a-1', reference: 'r-1', amount: 100, captured: 0, retired: false };
  return { authorizations: [{ ...entry, status: 'pending', until: deadline }] };
}

/** An order whose shipment left under a booked label. */
function withParcel(orderId: string, status: 'dispatched' | 'delivered'): Order {
  const parcel = { carrier: 'DHL', trackingNumber: '1' };
  const label = { status: 'booked', ...parcel } as const;
  const shipment = { shipmentId: 's1', status, lines: [], deducted: true, label, ...parcel };
  return orderOf(orderId, { shipments: [shipment] });
}

function untracked(orderId: string, hours: number): TrackingRow {
  return {
    _id: `${orderId}:s1`,
    orderId,
    shipmentId: 's1',
    carrier: 'DHL',
    trackingNumber: '1',
    askedAt: ago(0),
    failingSince: ago(hours * hour),
    failure: 'no route to DHL',
  };
}

function unmatched(hours: number) {
  const fact = {
    type: 'ShipmentDelivered' as const,
    receivedAt: ago(hours * hour),
    unmatched: true as const,
  };
  const cause = { commandId: 'k', causationId: 'k', correlationId: 'k', actor: 'carriers' };
  return { facts: [{ ...cause, ...fact, data: { shipmentId: 's1' } }] };
}
