import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Db } from 'mongodb';
import { keyRows } from '../../src/sealing/key-store/key-rows.js';
import { deliveryRows, waitingRows } from '../../src/delivery/webhooks/rows.js';
import { verifyOrders } from '../../src/effects/proof/verify-orders.js';
import { stockOutside } from '../../src/effects/inventory/stock-restore.js';
import { createForgetting } from '../../src/forgetting/activities.js';
import { type Certificate, type CheckedLocation, openCertificate } from '../../src/forgetting/certificate.js';
import { forgetInOrder } from '../../src/forgetting/forget-order.js';
import { storeStatus } from '../../src/forgetting/forgettings.js';
import { forgetWorkflowId } from '../../src/forgetting/messages.js';
import { requestForgetting } from '../../src/forgetting/request.js';
import { holdUntilForgottenKeysAreDestroyed, ensureTombstoneIndex } from '../../src/forgetting/tombstones.js';
import { detectDatabaseLoss } from '../../src/identity/database-identity.js';
import { journal } from '../../src/log/journal/journal.js';
import { readJournal } from '../../src/log/journal/read-journal.js';
import { verify } from '../../src/log/proof/verify.js';
import { resume } from '../../src/log/resume/resume.js';
import { buildsOf, rollBack } from '../../src/log/views/view-builds.js';
import { rebuildJournal } from '../../src/log/rebuilding/rebuild-journal.js';
import { rebuildStateView } from '../../src/log/rebuilding/rebuild-state-view.js';
import { rebuildFeedView } from '../../src/log/rebuilding/rebuild-feed-view.js';
import { type NewOrder, orderLog, orderWorkflow, workflowId } from '../../src/order-log.js';
import { RULES_TODAY } from '../../src/order/rules.js';
import { connectMongo } from '../../src/server/connections.js';
import { createLogger } from '../../src/server/logging/logger.js';
import { customers, findCustomer } from '../../src/views/customers.js';
import { orders, toDocument } from '../../src/views/orders.js';
import { createActivities } from '../../workers/roles/activities.js';
import { type RunningWorker, startWorker } from '../../workers/roles/worker.js';
import { runWithoutTemporal } from '../cli/without-temporal.js';
import { states } from '../order/examples.js';
import { orderBody, placedOrder, type Reply, startTestApi, type TestApi } from '../support/api.js';
import { whenAtRest } from '../support/headers.js';
import { deleteHistory } from '../support/retention.js';
import { startSequencing, untilSequenced } from '../support/sequencing.js';
import { workflowBundle } from '../support/servers.js';
import { until } from '../support/until.js';

const LIMIT_MS = 120_000;

let api: TestApi;
let db: Db;
let worker: RunningWorker;
let stopSequencing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi({}, { keyInUseMs: 100 });
  ({ db } = api.mongo);
  await ensureTombstoneIndex(db);
  worker = await api.startWorker();
  stopSequencing = startSequencing(db);
}, LIMIT_MS);
afterAll(async () => {
  await stopSequencing();
  await api.close();
});

/** A customer that no other test uses. */
function newPerson() {
  const id = randomUUID().slice(0, 8);
  const name = `Ada${id} Lovelace`;
  const customer = { id: `c-${id}`, name, email: `ada@${id}.example` };
  const shippingAddress = { street: `${id} Main Street`, city: 'Berlin', country: 'DE' };
  return {
    customerId: customer.id,
    name,
    secrets: [name, customer.email, shippingAddress.street],
    order: { customer, shippingAddress },
  };
}

async function tell(orderId: string, command: string, body: object = {}): Promise<Reply> {
  const reply = await api.post(`/v1/orders/${orderId}/${command}`, { body, headers: whenAtRest });
  expect(reply).toMatchObject({ status: 200 });
  return reply;
}

/** An order within its return window. */
async function completedOrder(more: object): Promise<string> {
  const orderId = await placedOrder(api, { ...more });
  await tell(orderId, 'shipments');
  await tell(orderId, 'shipments/s1/dispatch', { carrier: 'DHL', trackingNumber: '1' });
  await tell(orderId, 'shipments/s1/deliver');
  await tell(orderId, 'notes', { text: 'rings twice' });
  return orderId;
}

/** An order whose workflow has ended. */
async function endedOrder(more: object): Promise<string> {
  const orderId = await placedOrder(api, { ...more });
  await tell(orderId, 'cancel', { reason: 'changed their mind' });
  await api.client.workflow.getHandle(workflowId(orderId)).result();
  return orderId;
}

/** An order that was placed before personal data was sealed, and has ended. */
async function plainOrder(more: object): Promise<string> {
  const orderId = randomUUID();
  const {
    paymentDeadlineMs: paymentDeadline,
    returnWindowMs: returnWindow,
    authorizationTtlMs,
  } = api.config.terms;
  const terms = { paymentDeadline, returnWindow, authorizationTtl: authorizationTtlMs };
  const start: NewOrder = {
    orderId,
    create: {
      data: { ...orderBody(), ...more, terms, rules: RULES_TODAY },
      commandId: `tester ${orderId}`,
      hash: '0',
      correlationId: orderId,
      actor: 'tester',
      requestId: orderId,
    },
  };
  const { taskQueue } = api.config.temporal;
  await api.client.workflow.start(orderWorkflow, {
    workflowId: workflowId(orderId),
    taskQueue,
    args: [start],
  });
  await until(async () => expect((await api.get(`/v1/orders/${orderId}`)).body.status).toBe('confirmed'));
  await tell(orderId, 'cancel', { reason: 'twice' });
  await api.client.workflow.getHandle(workflowId(orderId)).result();
  return orderId;
}

function forget(customerId: string, more: object = {}, headers: Readonly<Record<string, string>> = {}) {
  const body = { reason: 'asked by letter 4711', ...more };
  return api.post(`/v1/customers/${customerId}/forget`, { body, headers: { prefer: 'wait=20', ...headers } });
}

async function discrepancies(orderId: string) {
  const { taskQueue } = api.config.temporal;
  const report = await verify(orderLog, { client: api.client, db, taskQueue }, { orderId });
  return report.discrepancies.filter(({ where }) => where !== 'positions');
}

function rebuilding() {
  const { signal } = new AbortController();
  const { taskQueue } = api.config.temporal;
  return {
    db,
    client: api.client,
    taskQueue,
    detectDatabaseLoss,
    outside: stockOutside,
    signal,
    rebuildId: randomUUID(),
    heartbeat: () => undefined,
  };
}

/** Everything that can be read of an order, and of its customer. */
async function readable(customerId: string, orderIds: readonly string[]): Promise<string> {
  const paths = orderIds.flatMap((orderId) => [
    `/v1/orders/${orderId}`,
    `/v1/orders/${orderId}?consistency=strong`,
    `/v1/orders/${orderId}?version=1`,
    `/v1/orders/${orderId}/events`,
    `/v1/orders/${orderId}/diff?from=1&to=3`,
  ]);
  const answers = await Promise.all(
    [...paths, `/v1/orders?customerId=${customerId}`, `/v1/customers/${customerId}/export`].map((path) =>
      api.get(path),
    ),
  );
  const { found } = await findCustomer(db, customerId);
  return JSON.stringify([answers.map(({ body }) => body), found]);
}

test('a customer with open orders is refused, and the orders are named', async () => {
  const { customerId, order } = newPerson();
  const orderId = await placedOrder(api, order);
  const refused = await forget(customerId);
  expect(refused).toMatchObject({ status: 409, body: { code: 'orders_open' } });
  expect(refused.body.detail).toContain(orderId);
  expect((await api.get(`/v1/orders/${orderId}`)).body.customer).toEqual(order.customer);
  expect(await api.get(`/v1/customers/${customerId}/forget`)).toMatchObject({ status: 404 });
});

test('a customer without an order is unknown', async () => {
  expect(await forget('c-nobody')).toMatchObject({ status: 404, body: { code: 'customer_not_found' } });
});

test(
  'a customer is forgotten everywhere, and everything else is unchanged',
  async () => {
    const { customerId, name, secrets, order } = newPerson();
    const [completed, ended] = await Promise.all([completedOrder(order), endedOrder(order)]);
    const orderIds = [completed, ended];
    await untilSequenced(db);
    // Rebuilds twice, so that the view has a kept build.
    await rebuildFeedView(orderLog, customers, rebuilding());
    await rebuildFeedView(orderLog, customers, rebuilding());
    for (const secret of secrets) expect(await readable(customerId, orderIds)).toContain(secret);
    const { email } = order.customer;
    const search = async () => {
      const answers = await Promise.all(
        [name, email].map((text) => api.get(`/v1/orders?q=${encodeURIComponent(text)}`)),
      );
      return answers.map(({ body }) => body.data.length);
    };
    const withWords = { _id: { $in: orderIds }, persons: { $exists: true } };
    expect(await search()).toEqual([2, 2]);
    expect(await orders(db).countDocuments(withWords)).toBe(2);
    const before = (await api.get(`/v1/orders/${completed}`)).body;
    const attempt = { endpointId: 'e-1', type: 'OrderCreated', at: new Date(), ms: 1 };
    const eventId = `${completed}:1`;
    await deliveryRows(db).insertMany([
      { ...attempt, _id: randomUUID(), eventId, isDelivered: true, answer: `hello ${name}` },
      { ...attempt, _id: randomUUID(), eventId: 'other:1', isDelivered: true, answer: 'hello' },
    ]);
    const waiting = { endpointId: 'e-1', orderId: completed, version: 2, position: 2, type: 'OrderHeld' };
    await waitingRows(db).insertOne({
      ...waiting,
      _id: `e-1/${completed}:2`,
      attempts: 1,
      failure: `HTTP 500: no such person as ${name}`,
    });

    const key = randomUUID();
    const reply = await forget(customerId, { lawfulBasis: 'GDPR Art. 17' }, { 'idempotency-key': key });
    expect(reply).toMatchObject({ status: 200, body: { status: 'forgotten', customerId } });
    expect(reply.headers).not.toHaveProperty('idempotent-replayed');
    expect(
      await forget(customerId, { lawfulBasis: 'GDPR Art. 17' }, { 'idempotency-key': key }),
    ).toMatchObject({
      status: 200,
      headers: { 'idempotent-replayed': 'true' },
      body: { jws: reply.body.jws },
    });
    expect(await api.get(`/v1/customers/${customerId}/forget`)).toMatchObject({
      status: 200,
      body: reply.body,
    });

    // The certificate.
    const { certificate, jws, publicKey } = reply.body;
    expect(openCertificate(jws, publicKey)).toEqual(certificate);
    expect(certificate).toMatchObject({ customerId, orders: 2, lawfulBasis: 'GDPR Art. 17' });
    expect(certificate.places.map(({ place }: { readonly place: string }) => place)).toEqual([
      'key store',
      'Temporal histories',
      'journal',
      'feed and event streams',
      'events set aside by a resumption',
      'view orders, with its search words',
      'feed views, with their kept builds',
      'caches of the API',
      'webhook deliveries',
    ]);
    expect(certificate.places.at(-1)).toMatchObject({ count: 2 });
    expect(await deliveryRows(db).findOne({ eventId })).not.toHaveProperty('answer');
    expect(await deliveryRows(db).findOne({ eventId: 'other:1' })).toHaveProperty('answer');
    expect(await waitingRows(db).findOne({ orderId: completed })).toMatchObject({ failure: 'HTTP 500' });
    expect(certificate.notReached.filter((one: { readonly orders?: unknown }) => one.orders)).toEqual([]);
    expect(certificate.notReached.map(({ what }: { readonly what: string }) => what)).toEqual([
      'backups of the key store',
      'the payment provider, carriers, and others that were given values',
      'records in Kafka that asked for commands, if there are any',
      expect.stringMatching(/^receivers of webhooks/),
    ]);

    // No personal data is left to read or to find.
    const everything = async () => {
      const text = await readable(customerId, orderIds);
      for (const secret of secrets) expect(text).not.toContain(secret);
      expect(text).not.toContain('rings twice');
    };
    await everything();
    expect(await search()).toEqual([0, 0]);
    expect(await orders(db).countDocuments(withWords)).toBe(0);
    // The build that is kept for a roll-back has no value either.
    expect(await rollBack(db, customers.name)).toBeDefined();
    await everything();
    expect((await api.get(`/v1/orders/${ended}`)).body).toMatchObject({
      customer: { id: customerId, name: 'forgotten', email: 'forgotten' },
      shippingAddress: { street: 'forgotten', city: 'forgotten' },
    });

    // The logs continue without a gap, and `verify` still succeeds.
    for (const orderId of orderIds) {
      const log = await readJournal(orderLog, db, orderId);
      expect(log.map(({ version }) => version)).toEqual(log.map((_, index) => index + 1));
      expect(log.at(-1)).toMatchObject({
        type: 'PersonForgotten',
        data: { customerId, keys: certificate.keys },
      });
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
    }
    const resumed = await resume(
      orderLog,
      { client: api.client, db, taskQueue: api.config.temporal.taskQueue },
      ended,
      { commandId: `tester ${randomUUID()}`, hash: '', correlationId: '', actor: 'tester', reason: 'a test' },
    );
    expect(resumed).toMatchObject({ outcome: 'ended' });

    // Rebuilds show no personal data either.
    await rebuildStateView(orderLog, rebuilding());
    await everything();
    await untilSequenced(db);
    await rebuildFeedView(orderLog, customers, rebuilding());
    await everything();
    await Promise.all([
      journal(orderLog, db).deleteMany({ orderId: { $in: orderIds } }),
      orders(db).deleteMany({ _id: { $in: orderIds } }),
    ]);
    await rebuildJournal(orderLog, rebuilding());
    await everything();

    // Money and stock: goods can still be returned and refunded.
    const { status, captured, refunded, total } = before;
    expect((await api.get(`/v1/orders/${completed}`)).body).toMatchObject({
      status,
      captured,
      refunded,
      total,
    });
    const [{ sku }] = before.lines;
    await tell(completed, 'returns', { lines: [{ sku, quantity: 1 }], reason: 'too small' });
    await tell(completed, 'returns/r1/receive');
    await until(async () =>
      expect((await api.get(`/v1/orders/${completed}`)).body).toMatchObject({ refunded: 1999 }),
    );
  },
  LIMIT_MS,
);

test(
  'a forgetting waits for open orders, and later orders of the customer use a new key',
  async () => {
    const { customerId, name, order } = newPerson();
    const orderId = await placedOrder(api, order);
    const asked = await forget(customerId, { whenFinished: true }, { prefer: 'wait=0' });
    expect(asked).toMatchObject({ status: 202 });
    const forgetting = async () => (await api.get(`/v1/customers/${customerId}/forget`)).body;
    await until(async () =>
      expect(await forgetting()).toMatchObject({
        status: 'waiting',
        openOrders: { count: 1, orderIds: [orderId] },
      }),
    );
    await tell(orderId, 'cancel', { reason: 'twice' });
    await until(async () => expect(await forgetting()).toMatchObject({ status: 'forgotten' }));

    const later = await placedOrder(api, order);
    expect((await api.get(`/v1/orders/${later}`)).body.customer.name).toBe(name);
    expect((await api.get(`/v1/orders/${orderId}`)).body.customer.name).toBe('forgotten');
    expect((await api.get(`/v1/orders?q=${encodeURIComponent(name)}`)).body.data).toMatchObject([
      { orderId: later },
    ]);
  },
  LIMIT_MS,
);

test(
  'a forgetting whose workflow Temporal has lost begins again when its command is repeated',
  async () => {
    const { customerId, order } = newPerson();
    const orderId = await placedOrder(api, order);
    const headers = { 'idempotency-key': randomUUID(), prefer: 'wait=0' };
    const ask = async () => (await forget(customerId, { whenFinished: true }, headers)).body;
    await ask();
    await until(async () => expect(await ask()).toMatchObject({ status: 'waiting' }));
    const { requestedAt } = await ask();
    const id = forgetWorkflowId(customerId, api.config.temporal.taskQueue);
    await api.client.workflow.getHandle(id).terminate('Temporal was restored');
    await tell(orderId, 'cancel', { reason: 'twice' });
    await until(async () =>
      expect(await ask()).toMatchObject({ status: 'forgotten', requestedAt, certificate: { requestedAt } }),
    );
  },
  LIMIT_MS,
);

test(
  'a forgetting whose worker ends after the keys are destroyed continues on the next worker',
  async () => {
    const { customerId, order } = newPerson();
    const orderId = await endedOrder(order);
    await worker.stop();
    const { config } = api;
    const { taskQueue } = config.temporal;
    const keyStore = api.mongo.keyStore;
    const dying = startWorker(
      { config, mongo: api.mongo, logger: createLogger('silent') },
      {
        taskQueue,
        workflowBundle,
        activities: {
          ...createActivities({ db }),
          ...createForgetting({ db, keyStore, taskQueue }),
          forgetInOrders: async () => await Promise.reject(new Error('the worker is about to end')),
        },
      },
    );
    await dying.ready;
    await forget(customerId, {}, { prefer: 'wait=0' });
    const isDestroyed = { customerId, destroyed: { $exists: true } };
    const keys = keyRows(api.mongo.client.db(config.keys.db));
    await until(async () => expect(await keys.countDocuments(isDestroyed)).toBe(1));
    await dying.stop();
    expect((await readJournal(orderLog, db, orderId)).at(-1)).not.toMatchObject({ type: 'PersonForgotten' });
    worker = await api.startWorker();
    await until(async () =>
      expect((await api.get(`/v1/customers/${customerId}/forget`)).body).toMatchObject({
        status: 'forgotten',
      }),
    );
    expect((await readJournal(orderLog, db, orderId)).at(-1)).toMatchObject({ type: 'PersonForgotten' });
  },
  LIMIT_MS,
);

test(
  'a key store that is restored from a backup destroys the keys again before it is used',
  async () => {
    const { customerId, order } = newPerson();
    await endedOrder(order);
    const rows = keyRows(api.mongo.client.db(api.config.keys.db));
    const backup = await rows.find({ customerId }).toArray();
    const { body } = await forget(customerId);
    expect(body).toMatchObject({ status: 'forgotten' });
    const keyId = backup[0]?.['_id'] ?? '';
    expect(body.certificate.keys).toEqual([keyId]);
    for (const { _id, ...row } of backup) await rows.replaceOne({ _id }, row);

    const unguarded = connectMongo(api.config);
    expect(await unguarded.keyStore.openingKey(keyId)).toBeInstanceOf(Buffer);
    await unguarded.close();
    const restarted = connectMongo(api.config);
    holdUntilForgottenKeysAreDestroyed(restarted, new AbortController().signal);
    expect(await restarted.keyStore.openingKey(keyId)).toBe('destroyed');
    expect((await restarted.keyStore.sealingKey(customerId)).keyId).not.toBe(keyId);
    await restarted.close();
  },
  LIMIT_MS,
);

test(
  'a note added during a forgetting is forgotten by the next one, and its key gets a tombstone',
  async () => {
    const { customerId, order } = newPerson();
    const orderId = await completedOrder(order);
    const { taskQueue } = api.config.temporal;
    const { keyStore } = api.mongo;
    const first = await keyStore.retire(customerId);
    await tell(orderId, 'notes', { text: 'rings three times' });
    const second = await keyStore.keysOf(customerId);
    const reason = 'asked by letter 4711';
    await keyStore.destroy({ customerId, keyIds: first, why: { reason, actor: 'tester', at: '' } });
    const commandId = `system forget.${randomUUID()}`;
    const sent = { commandId, hash: '', correlationId: '', actor: 'tester', requestId: commandId };
    const { version } = (await api.get(`/v1/orders/${orderId}`)).body;
    await forgetInOrder(
      { client: api.client, db, taskQueue },
      { orderId, version },
      { data: { customerId, keys: first, reason }, ...sent },
    );

    const { body } = await forget(customerId);
    expect(body).toMatchObject({ status: 'forgotten', certificate: { orders: 1 } });
    expect(body.certificate.keys).toEqual(expect.arrayContaining([...first, ...second]));
    expect((await readJournal(orderLog, db, orderId)).at(-1)).toMatchObject({
      type: 'PersonForgotten',
      data: { keys: expect.arrayContaining([...second]) },
    });
    expect(body.certificate.notReached.filter((one: { readonly orders?: unknown }) => one.orders)).toEqual(
      [],
    );
  },
  LIMIT_MS,
);

test('an activity that passes over orders that are forgotten already stays alive', async () => {
  const { customerId } = newPerson();
  const { order } = states.closedForgotten;
  const customer = { ...order.customer, id: customerId };
  const orderIds = Array.from({ length: 20 }, () => randomUUID());
  await orders(db).insertMany(orderIds.map((orderId) => toDocument({ ...order, orderId, customer })));
  const { taskQueue } = api.config.temporal;
  const activities = createForgetting({ db, keyStore: api.mongo.keyStore, taskQueue });
  const activity = new MockActivityEnvironment({}, { client: api.client });
  let beats = 0;
  activity.on('heartbeat', () => (beats += 1));
  const asked = { customerId, reason: 'again', commandId: 'tester again', hash: '', correlationId: '' };
  const forgetting = { ...asked, id: randomUUID(), actor: 'tester', requestedAt: '2026-01-01' };
  const request = { forgetting: { ...forgetting, whenFinished: false, keyInUseMs: 0 }, keys: ['k-new'] };
  await activity.run(() => activities.forgetInOrders(request));
  expect(beats).toBe(orderIds.length);
});

describe.each([
  ['its first events', [1, 2]],
  ['an event in between', [2]],
  ['all events', Array.from({ length: 20 }, (_, index) => index + 1)],
])('an order that has ended, and whose journal has lost %s,', (_, versions) => {
  /** An order of a customer who has another, whole order. @returns its lost events as well */
  async function withLoss() {
    const person = newPerson();
    const [orderId, whole] = await Promise.all([endedOrder(person.order), endedOrder(person.order)]);
    const which = { orderId, version: { $in: versions } };
    const lost = await journal(orderLog, db).find(which).toArray();
    await journal(orderLog, db).deleteMany(which);
    return { ...person, orderId, whole, lost };
  }

  const lastEvent = async (orderId: string) => (await readJournal(orderLog, db, orderId)).at(-1)?.type;
  const named = (certificate: Certificate) => certificate.notReached.filter(({ orders: ids }) => ids);

  test(
    'is restored from its history, and forgotten',
    async () => {
      const { customerId, orderId, lost } = await withLoss();
      const { body } = await forget(customerId);
      expect(body).toMatchObject({ status: 'forgotten', certificate: { orders: 2 } });
      expect(named(body.certificate)).toEqual([]);
      const log = await readJournal(orderLog, db, orderId);
      expect(log.map(({ version }) => version)).toEqual(log.map((__, index) => index + 1));
      expect(log.length).toBeGreaterThan(lost.length);
      expect(log.at(-1)).toMatchObject({ type: 'PersonForgotten' });
    },
    LIMIT_MS,
  );

  test(
    'is named by the certificate if no history is kept, and forgotten once a backup is restored',
    async () => {
      const { customerId, name, orderId, whole, lost } = await withLoss();
      await deleteHistory(api.client, orderId);
      const { body } = await forget(customerId);
      expect(body).toMatchObject({ status: 'forgotten', certificate: { orders: 1 } });
      expect(named(body.certificate)).toEqual([
        expect.objectContaining({
          orders: [orderId],
          why: expect.stringMatching(/restore a backup .* forget the customer again/),
        }),
      ]);
      expect(await lastEvent(orderId)).not.toBe('PersonForgotten');
      expect(await lastEvent(whole)).toBe('PersonForgotten');
      // The order that lost events shows `forgotten`, and no search finds it.
      expect((await api.get(`/v1/orders/${orderId}`)).body.customer.name).toBe('forgotten');
      expect((await api.get(`/v1/orders?q=${encodeURIComponent(name)}`)).body.data).toEqual([]);

      // The next certificate names it again, although the keys are already destroyed.
      expect(named((await forget(customerId)).body.certificate)).toEqual(named(body.certificate));

      await journal(orderLog, db).insertMany(lost);
      const again = await forget(customerId);
      expect(again).toMatchObject({ body: { status: 'forgotten', certificate: { orders: 2 } } });
      expect(named(again.body.certificate)).toEqual([]);
      expect(await lastEvent(orderId)).toBe('PersonForgotten');
    },
    LIMIT_MS,
  );
});

test('a request is accepted while an earlier forgetting has its certificate but has not ended', async () => {
  const { customerId, order } = newPerson();
  await endedOrder(order);
  const asked = {
    customerId,
    reason: 'again',
    whenFinished: false,
    commandId: `tester ${randomUUID()}`,
    hash: '',
    correlationId: '',
    actor: 'tester',
    keyInUseMs: 0,
  };
  await storeStatus(db, { ...asked, id: randomUUID(), requestedAt: '2026-01-01' }, 'forgotten');
  let starts = 0;
  const workflow = {
    list: api.client.workflow.list.bind(api.client.workflow),
    async start() {
      starts += 1;
      if (starts === 1) throw new WorkflowExecutionAlreadyStartedError('', '', '');
    },
  };
  const client = Object.create(api.client, { workflow: { value: workflow } });
  const { taskQueue } = api.config.temporal;
  expect(await requestForgetting({ client, db, taskQueue }, asked)).toMatchObject({
    kind: 'accepted',
    row: { status: 'forgetting', commandId: asked.commandId },
  });
  expect(starts).toBe(2);
});

test(
  'once a lost key is given up, its payment is declined, and its customer can be forgotten',
  async () => {
    const { customerId, order } = newPerson();
    await worker.stop();
    const { body: created } = await api.post('/v1/orders', { body: { ...orderBody(), ...order } });
    const keys = keyRows(api.mongo.client.db(api.config.keys.db));
    const lost = await until(async () => {
      const row = await keys.findOneAndDelete({ customerId });
      expect(row).not.toBeNull();
      return row?.['_id'];
    });
    // The worker shares this process's key store, which may use the key for a second without
    // asking.
    await until(async () =>
      expect((await api.get(`/v1/orders/${created.orderId}`)).headers['persons']).toBe('sealed'),
    );
    worker = await api.startWorker();
    await until(async () =>
      expect(await journal(orderLog, db).countDocuments({ orderId: created.orderId })).toBe(2),
    );
    expect(await forget(customerId)).toMatchObject({ status: 409, body: { code: 'orders_open' } });

    const { temporal, mongodb } = api.config;
    const giveUp = async (more = '') =>
      await runWithoutTemporal(`keys give-up ${customerId} --reason lost --json${more}`, {
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_TASK_QUEUE: temporal.taskQueue,
        MONGODB_URI: mongodb.uri,
        MONGODB_DB: mongodb.db,
      });
    const exported = async () => (await api.get(`/v1/customers/${customerId}/export`)).body.sealedOrders;
    await until(async () => expect(await exported()).toEqual([created.orderId]));
    const found = [{ keyId: lost, orderIds: [created.orderId] }];
    expect(JSON.parse((await giveUp()).out)).toEqual({ customerId, lost: found, givenUp: false });
    expect(await keys.findOne({ _id: lost ?? '' })).toBeNull();
    expect(await giveUp(` --yes ${lost},k-other`)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('key_not_lost'),
    });
    expect(await keys.findOne({ _id: lost ?? '' })).toBeNull();
    const given = await giveUp(` --yes ${lost}`);
    expect(JSON.parse(given.out)).toEqual({ customerId, lost: found, givenUp: true });
    expect(JSON.parse((await giveUp()).out)).toMatchObject({ lost: [] });

    await until(async () =>
      expect((await api.get(`/v1/orders/${created.orderId}`)).body).toMatchObject({
        status: 'rejected',
        customer: { name: 'forgotten' },
      }),
    );
    expect(await exported()).toEqual([]);
    await api.client.workflow.getHandle(workflowId(created.orderId)).result();
    const declined = (await readJournal(orderLog, db, created.orderId)).find(
      ({ type }) => type === 'PaymentDeclined',
    );
    expect(declined).toMatchObject({ data: { code: 'payment_method_forgotten' } });
    // No provider knows of this payment, and the proof expects none to.
    const verifying = { client: api.client, db, taskQueue: temporal.taskQueue };
    await until(async () =>
      expect(await verifyOrders(verifying, { orderId: created.orderId, maxPauseMs: 0 })).toMatchObject({
        found: 0,
        discrepancies: [],
      }),
    );
    expect(await forget(customerId)).toMatchObject({
      status: 200,
      body: { status: 'forgotten', certificate: { keys: expect.arrayContaining([lost]) } },
    });
  },
  LIMIT_MS,
);

test(
  'an order from before personal data was sealed is forgotten, and the certificate lists what remains',
  async () => {
    const { customerId, name, order } = newPerson();
    const orderId = await plainOrder(order);
    await untilSequenced(db);
    await rebuildFeedView(orderLog, customers, rebuilding());
    expect((await findCustomer(db, customerId)).found).toMatchObject({ name });

    const { body } = await forget(customerId, {}, { prefer: 'wait=0' });
    expect(body).toMatchObject({ status: 'forgetting' });
    await until(async () =>
      expect((await readJournal(orderLog, db, orderId)).at(-1)).toMatchObject({ type: 'PersonForgotten' }),
    );
    await untilSequenced(db);
    // The build that the next one replaces is kept, until the certificate is made.
    const kept = (await buildsOf(db, customers.name))?.collection;
    expect(kept).toBeDefined();
    await rebuildFeedView(orderLog, customers, rebuilding());
    await until(async () =>
      expect((await api.get(`/v1/customers/${customerId}/forget`)).body).toMatchObject({
        status: 'forgotten',
        certificate: { notReached: expect.arrayContaining([expect.objectContaining({ orders: [orderId] })]) },
      }),
    );
    expect((await api.get(`/v1/orders/${orderId}`)).body.customer.name).toBe('forgotten');
    expect((await findCustomer(db, customerId)).found).toMatchObject({ name: 'forgotten' });
    expect(await db.listCollections({ name: kept }).toArray()).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'an order from before personal data was sealed whose events are lost does not stop a forgetting',
  async () => {
    const { customerId, name, order } = newPerson();
    const orderId = await plainOrder(order);
    await untilSequenced(db);
    await rebuildFeedView(orderLog, customers, rebuilding());
    expect((await findCustomer(db, customerId)).found).toMatchObject({ name });
    await journal(orderLog, db).deleteOne({ orderId, version: 2 });
    await deleteHistory(api.client, orderId);
    const { body } = await forget(customerId);
    expect(body).toMatchObject({ status: 'forgotten', certificate: { orders: 0 } });
    const finding = expect.stringContaining('except for orders that have lost events (1)');
    const ofViews = body.certificate.places.filter(({ place }: CheckedLocation) => /\bviews?\b/.test(place));
    expect(ofViews).toEqual([expect.objectContaining({ finding }), expect.objectContaining({ finding })]);
    const why = expect.stringContaining('values in plain text stay in the views');
    expect(body.certificate.notReached).toContainEqual(expect.objectContaining({ why, orders: [orderId] }));
  },
  LIMIT_MS,
);
