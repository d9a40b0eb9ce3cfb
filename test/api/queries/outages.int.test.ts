import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { workflowId } from '../../../src/order-log.js';
import {
  NOWHERE,
  orderBody,
  placedOrder,
  productWaits,
  type Reply,
  startTestApi,
  type TestApi,
} from '../../support/api.js';
import { type BreakableServer, breakableMongodb } from '../../support/breakable-server.js';
import { until } from '../../support/until.js';

const awayMongo = { MONGODB_URI: `mongodb://${NOWHERE}/?directConnection=true` };
const awayTemporal = { TEMPORAL_ADDRESS: NOWHERE };

let api: TestApi;
let orderId: string;
const others: TestApi[] = [];

beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  orderId = await placedOrder(api);
});
afterAll(async () => {
  for (const other of others) await other.close();
  await api.close();
});

/** The same API, in a process that cannot reach all servers. */
async function apiWith(env: Readonly<Record<string, string>>): Promise<TestApi> {
  const { mongodb, temporal } = api.config;
  const variables = { MONGODB_DB: mongodb.db, TEMPORAL_TASK_QUEUE: temporal.taskQueue, ...env };
  const other = await startTestApi(variables, productWaits);
  others.push(other);
  return other;
}

describe('with MongoDB away', () => {
  let cut: TestApi;
  beforeAll(async () => {
    cut = await apiWith(awayMongo);
  });

  test('orders are created, also with an id or a key', async () => {
    for (const [body, headers] of [
      [orderBody(), {}],
      [orderBody({ id: randomUUID() }), {}],
      [orderBody(), { 'idempotency-key': randomUUID() }],
    ] as const) {
      expect((await cut.post('/v1/orders', { body, headers })).status).toBe(201);
    }
  });

  test('commands are answered, and waiting for a view changes no status', async () => {
    const sent = { body: { text: 'x' }, headers: { prefer: 'wait=1' } };
    const reply = await cut.post(`/v1/orders/${orderId}/notes`, sent);
    expect(reply).toMatchObject({ status: 200, body: { events: [{ type: 'NoteAdded' }] } });
    const projected = await cut.post(`/v1/orders/${orderId}/notes?consistency=projected`, sent);
    expect(projected).toMatchObject({ status: 200, headers: { projected: 'false' } });
  });

  test('an order is read from its workflow, and an unknown order gets 503 instead of 404', async () => {
    // A busy worker may be late with its answer: then the history is read.
    await until(async () =>
      expect(await cut.get(`/v1/orders/${orderId}`)).toMatchObject({
        status: 200,
        headers: { 'served-by': 'workflow' },
        body: { orderId },
      }),
    );
    const unknown = await cut.get(`/v1/orders/${randomUUID()}`);
    expect(unknown).toMatchObject({ status: 503, body: { code: 'mongodb_unavailable' } });
    expect(unknown.headers).toHaveProperty('retry-after');
  });

  test('lists, stock and the journal are unavailable; the history is not', async () => {
    for (const path of ['/v1/orders', '/v1/stock', '/v1/stock/A-1', `/v1/orders/${orderId}/events`]) {
      expect(await cut.get(path)).toMatchObject({ status: 503, body: { code: 'mongodb_unavailable' } });
    }
    expect((await cut.get(`/v1/orders/${orderId}/events?source=history`)).body.data[0].type).toBe(
      'OrderCreated',
    );
  });

  test('the process is ready, but degraded', async () => {
    await until(async () => {
      const { status, body } = await cut.get('/health/ready');
      expect({ status, state: body.status, roles: body.roles }).toEqual({
        status: 200,
        state: 'degraded',
        roles: { write: 'ready', read: 'ready' },
      });
      expect(body.dependencies).toContainEqual(expect.objectContaining({ name: 'mongodb', status: 'down' }));
    });
  });
});

describe('with a MongoDB that hangs', () => {
  let mongodb: BreakableServer;
  let stuck: TestApi;
  beforeAll(async () => {
    mongodb = await breakableMongodb();
    stuck = await startTestApi({ MONGODB_URI: mongodb.address }, productWaits);
    await stuck.startWorker();
  });
  afterAll(async () => {
    mongodb.thaw();
    await stuck.close();
    await mongodb.end();
  });

  /**
   * The answer, if it arrives within `seconds` + 4 s by a timer of this process. If this process is
   * slow, the timer is late as well, so a busy machine does not fail the test.
   */
  async function soon(seconds: number, answer: Promise<Reply>): Promise<Reply> {
    const waited = new AbortController();
    const late = setTimeout((seconds + 4) * 1_000, 'late', { signal: waited.signal });
    late.catch(() => undefined);
    const reply = await Promise.race([answer, late]);
    waited.abort();
    if (typeof reply === 'string') throw new Error(`There was no answer within ${seconds} s.`);
    return reply;
  }

  test('every request is answered in its time', async () => {
    const unread = await placedOrder(stuck);
    mongodb.freeze();
    const [order, metrics, ready, waited, projected, stock] = await Promise.all([
      soon(1.5, stuck.get(`/v1/orders/${unread}`)),
      soon(1, stuck.get('/metrics')),
      soon(1.5, stuck.get('/health/ready')),
      soon(3, stuck.post('/v1/orders', { body: orderBody(), headers: { prefer: 'wait=3' } })),
      soon(
        3,
        stuck.post('/v1/orders?consistency=projected', { body: orderBody(), headers: { prefer: 'wait=3' } }),
      ),
      soon(5, stuck.put('/v1/stock/A-1', { body: { onHand: 3 } })),
    ]);
    expect(stock).toMatchObject({ status: 503, body: { code: 'mongodb_unavailable' } });
    // The history answers if a busy worker is late.
    const servedBy = expect.stringMatching(/^(workflow|history)$/);
    expect(order).toMatchObject({ status: 200, headers: { 'served-by': servedBy } });
    expect(metrics.status).toBe(200);
    expect(ready).toMatchObject({ status: 200, body: { status: 'degraded' } });
    expect(waited).toMatchObject({ status: 201, headers: { 'preference-applied': 'wait=3' } });
    expect(projected).toMatchObject({
      status: 201,
      headers: { 'preference-applied': 'wait=3', projected: 'false' },
    });
  });
});

describe('with only the key store away', () => {
  let cut: TestApi;
  beforeAll(async () => {
    const { mongodb } = api.config;
    cut = await apiWith({ MONGODB_URI: mongodb.uri, KEYS_MONGODB_URI: awayMongo.MONGODB_URI });
  });

  test('an order is read with its personal data sealed, which the answer says, and no cache keeps it', async () => {
    const order = await api.get(`/v1/orders/${orderId}`);
    expect(order.headers).not.toHaveProperty('persons');
    const sealed = await until(async () => {
      const answer = await cut.get(`/v1/orders/${orderId}`);
      expect(answer.status).toBe(200);
      return answer;
    });
    expect(sealed.headers).toMatchObject({ persons: 'sealed', 'cache-control': 'no-store' });
    expect(sealed.headers).not.toHaveProperty('etag');
    const { customer, ...rest } = order.body;
    expect(sealed.body).toMatchObject({
      status: rest.status,
      total: rest.total,
      customer: { id: customer.id, name: expect.stringMatching(/^sealed:1:/) },
    });
  });

  test('orders are created, and are processed once a process of that machine has stored their keys', async () => {
    const customer = { id: `c-${randomUUID()}`, name: 'Grace Away', email: 'grace@away.example' };
    const { status, body } = await cut.post('/v1/orders', { body: orderBody({ customer }) });
    expect(status).toBe(201);
    await until(async () =>
      expect((await api.get(`/v1/orders/${body.orderId}`)).body).toMatchObject({
        status: 'confirmed',
        customer,
      }),
    );
  });
});

describe('with Temporal away', () => {
  let cut: TestApi;
  beforeAll(async () => {
    cut = await apiWith(awayTemporal);
  });

  test('orders are read, listed and followed from MongoDB', async () => {
    expect(await cut.get(`/v1/orders/${orderId}`)).toMatchObject({
      status: 200,
      headers: { 'served-by': 'view' },
    });
    expect((await cut.get('/v1/orders')).body.data).toContainEqual(expect.objectContaining({ orderId }));
    expect((await cut.get(`/v1/orders/${orderId}/events`)).status).toBe(200);
  });

  test('an unknown order gets 503 instead of 404, and a strong read is unavailable', async () => {
    for (const path of [`/v1/orders/${randomUUID()}`, `/v1/orders/${orderId}?consistency=strong`]) {
      expect(await cut.get(path)).toMatchObject({ status: 503, body: { code: 'temporal_unavailable' } });
    }
  });

  test('the outcome of commands is unknown', async () => {
    const [create, command, signal] = await Promise.all([
      cut.post('/v1/orders', { body: orderBody() }),
      cut.post(`/v1/orders/${orderId}/notes`, { body: { text: 'x' } }),
      cut.post(`/v1/orders/${orderId}/notes`, { body: { text: 'x' }, headers: { prefer: 'respond-async' } }),
    ]);
    for (const reply of [create, command, signal]) {
      expect(reply).toMatchObject({ status: 503, body: { code: 'outcome_unknown' } });
      expect(reply.headers).toHaveProperty('retry-after');
      expect(reply.headers).toHaveProperty('idempotency-key');
    }
  });

  test('a process that writes is not ready, and one that only reads is ready', async () => {
    await until(async () =>
      expect(await cut.get('/health/ready')).toMatchObject({
        status: 503,
        body: { status: 'unavailable', roles: { write: 'unavailable', read: 'ready' } },
      }),
    );
    const reader = await apiWith({ ...awayTemporal, ROLES: 'read' });
    await until(async () =>
      expect(await reader.get('/health/ready')).toMatchObject({
        status: 200,
        body: { roles: { read: 'ready' } },
      }),
    );
    expect((await reader.post('/v1/orders', { body: orderBody() })).status).toBe(405);
  });
});

describe('with no workers', () => {
  let idle: TestApi;
  beforeAll(async () => {
    idle = await startTestApi({}, productWaits);
    others.push(idle);
  });

  test('an order is created, and read from its history', async () => {
    const created = await idle.post('/v1/orders', { body: orderBody() });
    expect(created.status).toBe(201);
    for (const query of ['', '?consistency=strong']) {
      const reply = await idle.get(`/v1/orders/${created.body.orderId}${query}`);
      expect(reply).toMatchObject({
        status: 200,
        headers: { 'served-by': 'history' },
        body: { orderId: created.body.orderId, version: 1, status: 'pending' },
      });
    }
    const log = await idle.get(`/v1/orders/${created.body.orderId}/events`);
    expect(log).toMatchObject({ status: 200, body: { data: [] } });
  });

  test('the outcome of a command is unknown until workers are back', async () => {
    const { body } = await idle.post('/v1/orders', { body: orderBody() });
    const path = `/v1/orders/${body.orderId}/notes`;
    const sent = { body: { text: 'x' }, headers: { 'idempotency-key': randomUUID() } };
    expect(await idle.post(path, sent)).toMatchObject({ status: 503, body: { code: 'outcome_unknown' } });
    expect((await idle.post(path, { ...sent, headers: { prefer: 'respond-async' } })).status).toBe(202);
    await until(async () =>
      expect(await idle.get('/health/ready')).toMatchObject({
        status: 200,
        body: {
          status: 'degraded',
          dependencies: expect.arrayContaining([
            expect.objectContaining({ name: 'workers', status: 'down', code: 'no_worker' }),
          ]),
        },
      }),
    );

    await idle.startWorker();
    await until(async () => expect((await idle.post(path, sent)).status).toBe(200));
    await idle.post(path, sent);
    const strong = await idle.get(`/v1/orders/${body.orderId}?consistency=strong`);
    expect(strong.body.notes).toHaveLength(2);
    await idle.client.workflow.getHandle(workflowId(String(body.orderId))).describe();
  });
});

test('a process that only writes shows how far a rebuild is, where its answer says', async () => {
  const writer = await apiWith({ ROLES: 'write' });
  const requested = await writer.post('/v1/projections/customers/rebuild', { body: {} });
  expect(requested.status).toBe(202);
  const shown = await writer.get(String(requested.headers['location']));
  expect(shown).toMatchObject({ status: 200, body: { feed: { generation: 1 } } });
  const names = shown.body.views.map(({ name }: { name: string }) => name);
  expect(names).toContain(requested.body.name);
});

test('a process that only writes takes commands and answers no queries', async () => {
  const writer = await apiWith({ ROLES: 'write' });
  expect((await writer.post('/v1/orders', { body: orderBody() })).status).toBe(201);
  expect((await writer.get('/v1/orders')).status).toBe(405);
});
