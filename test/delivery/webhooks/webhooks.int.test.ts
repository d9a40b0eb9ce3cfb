import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { DOWN_AFTER } from '../../../src/delivery/health.js';
import { deliverWebhooks } from '../../../src/delivery/webhooks/deliver-webhooks.js';
import { endpointViews } from '../../../src/delivery/webhooks/endpoints.js';
import {
  deliveryRows,
  ensureDeliveryIndexes,
  subscriptionRows,
  type WaitingRow,
  waitingRows,
} from '../../../src/delivery/webhooks/rows.js';
import { endpointLog } from '../../../src/endpoint/endpoint-log.js';
import { feedHead } from '../../../src/log/feed/feed.js';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { workflowIdOf } from '../../../src/log/entity-log/entity-log.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { ensureStateViewIndexes } from '../../../src/log/entity-log/state-view.js';
import { orderLog } from '../../../src/order-log.js';
import { states } from '../../order/examples.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { logOf } from '../../support/database.js';
import { startSequencing } from '../../support/sequencing.js';
import { until } from '../../support/until.js';
import { untilAtRest } from '../../support/workflow-run.js';
import { isSignedBy, type Receiver, startReceiver } from './receiver.js';

let api: TestApi;
let db: Db;
let receiver: Receiver;
let stopSequencing: () => Promise<void>;
let stopDelivering: () => Promise<void>;
const failures: unknown[] = [];

beforeAll(async () => {
  api = await startTestApi({ WEBHOOKS_ALLOW_PRIVATE: 'on' });
  ({ db } = api.mongo);
  await api.startWorker();
  await Promise.all([
    ensureJournalIndexes(endpointLog, db),
    ensureStateViewIndexes(endpointLog, db),
    ensureDeliveryIndexes(db),
  ]);
  receiver = await startReceiver();
  stopSequencing = startSequencing(db);
  stopDelivering = startDelivering();
});
afterAll(async () => {
  await stopDelivering();
  await stopSequencing();
  await receiver.close();
  await api.close();
});

/** The task of the role `feed`, with short times. */
function startDelivering(): () => Promise<void> {
  const stopping = new AbortController();
  const { work } = deliverWebhooks({
    db,
    client: api.client,
    tail: api.tail,
    secrets: api.mongo.webhookSecrets,
    allowPrivate: true,
    answerWithinMs: 1_500,
    failed: (_endpointId, error) => failures.push(error),
    retryPolicy: { firstRetryMs: 30, maxRetryMs: 100, giveUpAfterMs: 86_400_000 },
    lookEveryMs: 50,
  });
  const done = work(stopping.signal, () => undefined);
  return async () => {
    stopping.abort();
    await done;
  };
}

const root = '/v1/webhook-endpoints';

async function endpoint(more: object = {}, key: string = randomUUID()) {
  const path = `/${randomUUID()}`;
  const body = { url: `${receiver.url}${path}`, ...more };
  const reply = await api.post(root, { body, headers: { 'idempotency-key': key } });
  expect(reply.status).toBe(201);
  const { endpointId, secret } = reply.body;
  return { path, body, key, reply, id: String(endpointId), secret: String(secret) };
}

async function changed(id: string, body: object, key: string = randomUUID()) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const reply = await api.send('PATCH', `${root}/${id}`, JSON.stringify(body), headers);
  expect(reply.status).toBe(200);
  return reply;
}

async function idsOf(orderIds: readonly string[]): Promise<readonly string[]> {
  const events = await journal(orderLog, db)
    .find({ orderId: { $in: [...orderIds] } })
    .sort({ position: 1 })
    .toArray();
  expect(events.every(({ position }) => position !== undefined)).toBe(true);
  return events.map(({ _id }) => _id);
}

/**
 * Waits until each event of these orders was received; the first deliveries must be in the order of
 * versions.
 */
async function arrived(path: string, orderIds: readonly string[]): Promise<void> {
  for (const orderId of orderIds) {
    const ids = await idsOf([orderId]);
    expect(ids.length).toBeGreaterThan(2);
    expect(receiver.ids(path).filter((id) => id.startsWith(`${orderId}:`))).toEqual(ids);
  }
}

/** An event that is parked, and one that waits for it. */
function parked(endpointId: string, orderId: string): readonly WaitingRow[] {
  const row = { endpointId, orderId, position: 1, type: 'OrderTagged', attempts: 10 };
  const later = new Date(Date.now() + 3_600_000);
  return [
    { ...row, _id: `${endpointId}/${orderId}:1`, version: 1, parkedAt: new Date().toISOString() },
    { ...row, _id: `${endpointId}/${orderId}:2`, version: 2, nextTryAt: later },
  ];
}

async function statusOf(id: string) {
  const { body } = await api.get('/v1/subscriptions');
  return body.data.find(({ name }: { name: string }) => name === id);
}

test('each endpoint gets the events it asks for as signed CloudEvents, in order', async () => {
  const customer = `c-${randomUUID().slice(0, 8)}`;
  const all = await endpoint();
  const filter = { events: ['OrderConfirmed'], customers: [customer], tags: ['vip'], payload: 'order' };
  const some = await endpoint(filter);
  const thin = await endpoint({ payload: 'thin' });
  const wishes = [{ customer: { id: customer, name: 'Ada' }, tags: ['vip'] }, { tags: ['vip'] }, {}];
  const [vip = '', ...others] = await Promise.all(wishes.map((more) => placedOrder(api, more)));
  await until(() => arrived(all.path, [vip, ...others]));
  await until(() => arrived(thin.path, [vip, ...others]));
  await until(async () => expect(receiver.ids(some.path)).toHaveLength(1));
  await until(async () => expect(await statusOf(some.id)).toMatchObject({ lag: 0, waiting: 0, failures: 0 }));

  const first = receiver.received.find(({ path, id }) => path === all.path && id === `${vip}:1`);
  const { data } = (await api.get(`/v1/orders/${vip}/events`)).body;
  const ofVip = receiver.ids(all.path).filter((id) => id.startsWith(vip));
  expect(first?.event).toMatchObject({
    specversion: '1.0',
    id: `${vip}:1`,
    source: '/v1/orders',
    type: expect.stringMatching(/^order\.created\.v\d$/),
    subject: vip,
    time: data[0].occurredAt,
    sequence: String(data[0].position),
    generation: 1,
    data: { orderId: vip, version: 1, type: 'OrderCreated', data: { customer: { id: customer } } },
  });
  // A consumer that misses the message gets the event from the feed.
  const gap = await api.get(`/v1/events?after=${data[0].position - 1}&limit=1`);
  expect(gap.body.data).toEqual([first?.event['data']]);
  // Personal data is sealed, as in the feed.
  expect(first?.body).not.toContain('Ada');
  const [confirmed] = receiver.received.filter(({ path }) => path === some.path);
  expect(confirmed?.event).toMatchObject({
    type: 'order.confirmed.v1',
    data: { event: { type: 'OrderConfirmed' }, order: { orderId: vip, status: 'confirmed', tags: ['vip'] } },
  });
  // Deliveries add nothing to the endpoint's log, and cost Temporal nothing.
  const run = api.client.workflow.getHandle(workflowIdOf(endpointLog, all.id));
  await untilAtRest(api.client, run.workflowId);
  const { historyLength } = await run.describe();
  const more = await placedOrder(api);
  await until(() => arrived(all.path, [more]));
  await until(async () => expect(await statusOf(all.id)).toMatchObject({ lag: 0 }));
  expect((await run.describe()).historyLength).toBe(historyLength);
  // The workflow has no timer or activity either while there is nothing to deliver.
  const { events: ofWorkflow } = await run.fetchHistory();
  expect(ofWorkflow?.filter(({ timerStartedEventAttributes: timer }) => timer)).toEqual([]);
  expect(await journal(endpointLog, db).countDocuments({ orderId: all.id })).toBe(1);
  expect(await deliveryRows(db).countDocuments({ endpointId: all.id })).toBeGreaterThan(ofVip.length);
  const ids = receiver.received.find(({ path, id }) => path === thin.path && id === `${vip}:2`);
  expect(ids?.event['data']).toEqual({ orderId: vip, version: 2 });
  for (const message of receiver.received) {
    const { secret } = [all, some, thin].find(({ path }) => path === message.path) ?? all;
    expect(isSignedBy(secret, message)).toBe(true);
  }
  expect(failures).toEqual([]);
});

test('events belong to the trace of their command, and so do the events of its effects', async () => {
  const traceId = randomUUID().replaceAll('-', '');
  const { path } = await endpoint();
  const [traced, other] = await Promise.all([
    placedOrder(api, {}, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }),
    placedOrder(api, {}, { traceparent: 'none' }),
  ]);
  await until(() => arrived(path, [traced, other]));
  const received = receiver.received.filter((message) => message.path === path);
  // On a busy machine an event may come twice.
  const events = [...new Map(received.map(({ id, event }) => [id, event])).values()];
  const parents = events.filter(({ subject }) => subject === traced).map((event) => event['traceparent']);
  expect(parents.length).toBeGreaterThan(2);
  expect(new Set(parents).size).toBe(parents.length);
  for (const parent of parents)
    expect(parent).toMatch(new RegExp(`^00-${traceId}-(?!0{16})[0-9a-f]{16}-01$`));
  expect(events.filter(({ subject }) => subject === other)).not.toHaveLength(0);
  for (const event of events) if (event['subject'] === other) expect(event).not.toHaveProperty('traceparent');
  const { data } = (await api.get(`/v1/orders/${traced}/events`)).body;
  expect(new Set(data.map((event: { traceId?: string }) => event.traceId))).toEqual(new Set([traceId]));
});

test('the secret is shown once; a repetition is recognized, and another body under its key is refused', async () => {
  const { body, key, id, secret, reply } = await endpoint({ description: 'stock' });
  expect(secret).toMatch(/^whsec_/);
  await changed(id, { description: 'other stock' });
  const again = await api.post(root, { body, headers: { 'idempotency-key': key } });
  expect(again).toMatchObject({ status: 201, headers: { 'idempotent-replayed': 'true', etag: '"1"' } });
  expect(again.body).toEqual(reply.body);
  const other = { body: { ...body, payload: 'thin' }, headers: { 'idempotency-key': key } };
  expect(await api.post(root, other)).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  await until(async () => expect((await api.get(`${root}/${id}`)).status).toBe(200));
  const shown = await api.get(`${root}/${id}`);
  expect(shown.body).toMatchObject({ endpointId: id, status: 'enabled' });
  expect(JSON.stringify([shown.body, (await api.get(root)).body])).not.toContain('whsec_');
  const events = await journal(endpointLog, db).find({ orderId: id }).toArray();
  expect(JSON.stringify(events)).not.toContain(secret.slice('whsec_'.length));
});

test('a change that is repeated is answered as at first, whatever came in between', async () => {
  const { id } = await endpoint();
  const [wish, key] = [{ description: 'one', enabled: false }, randomUUID()];
  const first = await changed(id, wish, key);
  expect(first.body).toMatchObject({ version: 3, description: 'one', status: 'disabled' });
  await changed(id, { description: 'two', enabled: true });
  await until(async () =>
    expect(await journal(endpointLog, db).countDocuments({ orderId: id })).toBeGreaterThanOrEqual(5),
  );
  const again = await changed(id, wish, key);
  expect(again.body).toEqual(first.body);
  expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true', etag: '"3"' });
});

test('an unknown type of event is refused, and the known types are listed', async () => {
  const wrong = { url: `${receiver.url}/none`, events: ['OrderConfirmed', 'Nope'] };
  const refused = {
    status: 400,
    body: {
      code: 'invalid_request',
      errors: [{ pointer: '/events/1', in: 'body', detail: expect.stringContaining('OrderConfirmed') }],
    },
  };
  expect(await api.post(root, { body: wrong })).toMatchObject(refused);
  const { id } = await endpoint();
  const json = { 'content-type': 'application/json' };
  const change = JSON.stringify({ events: wrong.events });
  expect(await api.send('PATCH', `${root}/${id}`, change, json)).toMatchObject(refused);
});

test('a receiver that fails, hangs, redirects and lies gets every event, and orders do not block', async () => {
  const { path, id } = await endpoint();
  const failing = randomUUID();
  let isBroken = true;
  const seen = new Map<string, number>();
  receiver.answer(path, ({ id: eventId }, response) => {
    const times = (seen.get(eventId) ?? 0) + 1;
    seen.set(eventId, times);
    if (eventId.startsWith(failing)) response.writeHead(isBroken ? 500 : 200).end('x'.repeat(100_000));
    else if (times === 1 && eventId.endsWith(':1'))
      return; // hangs
    else if (times === 1 && eventId.endsWith(':2')) response.writeHead(302, { location: '/elsewhere' }).end();
    else if (times === 1) {
      response.writeHead(200, { 'content-length': '10' }).write('half');
      response.destroy();
    } else response.writeHead(200).end();
  });
  const [, ...others] = await Promise.all([{ id: failing }, {}, {}].map((more) => placedOrder(api, more)));
  await until(() => arrived(path, others));
  expect(receiver.ids(path).filter((eventId) => eventId.startsWith(failing))).toEqual([`${failing}:1`]);
  expect(receiver.ids('/elsewhere')).toEqual([]);
  await until(async () => expect(await statusOf(id)).toMatchObject({ lag: 0 }));
  expect((await statusOf(id)).waiting).toBeGreaterThan(2);
  isBroken = false;
  await until(() => arrived(path, [failing]));
  await until(async () => expect(await statusOf(id)).toMatchObject({ waiting: 0, failures: 0 }));
  const log = await api.get(`${root}/${id}/deliveries?event=${failing}:1&limit=200`);
  expect(log.body.data).toContainEqual(expect.objectContaining({ isDelivered: false, status: 500 }));
  expect(log.body.data[0]).toMatchObject({ isDelivered: true, status: 200, answer: 'x'.repeat(1_024) });
  const kept = { key: { at: 1 }, expireAfterSeconds: 30 * 86_400 };
  expect(await deliveryRows(db).indexes()).toContainEqual(expect.objectContaining(kept));
});

test('the attempts of one millisecond are on one page', async () => {
  const { id } = await endpoint({ after: await feedHead(orderLog, db) });
  const attempt = (number: number, at: string) => ({
    _id: `${id}-${number}`,
    endpointId: id,
    eventId: `o-1:${number}`,
    type: 'order.created.v3',
    at: new Date(at),
    ms: 1,
    isDelivered: true,
  });
  const [early, late] = ['2999-01-01T00:00:00.001Z', '2999-01-01T00:00:00.002Z'];
  await deliveryRows(db).insertMany([1, 2, 3].map((number) => attempt(number, early)));
  await deliveryRows(db).insertMany([4, 5].map((number) => attempt(number, late)));
  const page = async (query: string) => {
    const { body } = await api.get(`${root}/${id}/deliveries?${query}`);
    return body.data.map(({ eventId }: { eventId: string }) => eventId).toSorted();
  };
  expect(await page('limit=1')).toEqual(['o-1:4', 'o-1:5']);
  expect(await page(`limit=1&before=${late}`)).toEqual(['o-1:1', 'o-1:2', 'o-1:3']);
  expect(await page(`limit=1&before=${early}`)).toEqual([]);
});

test('an answer is kept as text whatever it is, and an event of half a megabyte arrives whole', async () => {
  const after = await feedHead(orderLog, db);
  const orderId = randomUUID();
  const [created, ...others] = logOf(states.confirmed, orderId);
  const note = 'é'.repeat(250_000);
  await appendToJournal(orderLog, db, [{ ...created, data: { ...created.data, note } }, ...others] as never);
  const { path, id, secret } = await endpoint({ after });
  const bytes = Buffer.concat([Buffer.from([0xff, 0x00, 0xc3]), Buffer.from('é'.repeat(1_000))]);
  receiver.answer(path, (_message, response) => {
    const isFirst = receiver.received.filter((one) => one.path === path).length === 1;
    response.writeHead(isFirst ? 500 : 200, 'Tr\u00e8s bien', { 'retry-after': '\u00ff' }).end(bytes);
  });
  await until(() => arrived(path, [orderId]));
  const [message] = receiver.received.filter((one) => one.path === path);
  if (message === undefined) throw new Error('Nothing was received.');
  expect(Buffer.byteLength(message.body)).toBeGreaterThan(500_000);
  expect(message.event).toMatchObject({ data: { data: { note } } });
  expect(isSignedBy(secret, message)).toBe(true);
  await until(async () => {
    const { body } = await api.get(`${root}/${id}/deliveries?event=${orderId}:1`);
    expect(body.data.map(({ status }: { status: number }) => status)).toEqual([200, 500]);
    // The first kilobyte ends within a multi-byte character.
    const kept = bytes.subarray(0, 1_024).toString('utf8');
    expect(body.data[1]).toMatchObject({ answer: kept });
    expect(kept).toMatch(/^\ufffd\0\ufffdé+\ufffd?$/);
  });
});

test('a receiver that cannot be reached is named, and does not hold up others', async () => {
  const closed = await startReceiver();
  await closed.close();
  const [away, well] = [await endpoint({ url: `${closed.url}/away` }), await endpoint()];
  const order = await placedOrder(api);
  await until(() => arrived(well.path, [order]));
  await until(async () => {
    const { body } = await api.get(`${root}/${away.id}/deliveries?event=${order}:1`);
    expect(body.data[0]).toMatchObject({
      isDelivered: false,
      error: expect.stringContaining('ECONNREFUSED'),
    });
  });
  await until(async () => {
    // Simulates that an hour has passed.
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const failing = { _id: away.id, 'health.failures': { $gt: 0 } };
    await subscriptionRows(db).updateOne(failing, { $set: { 'health.failingSince': since } });
    const { body } = await api.get('/v1/attention?code=subscription_failing');
    expect(body.data).toContainEqual(
      expect.objectContaining({ detail: expect.stringContaining(away.id), remedy: expect.any(String) }),
    );
  });
});

test('an event that fails too long is parked, its order waits, and an operator sends it again', async () => {
  const { path, id } = await endpoint();
  receiver.answer(path, (message, response) =>
    response.writeHead(message.id.endsWith(':1') ? 422 : 204).end(),
  );
  const order = await placedOrder(api);
  const waiting = { _id: `${id}/${order}:1`, failingSince: { $exists: true } };
  await until(async () => {
    // An attempt in progress writes the row as it was when it was read.
    await waitingRows(db).updateOne(waiting, { $set: { failingSince: '2026-01-01T00:00:00.000Z' } });
    expect(await statusOf(id)).toMatchObject({ parked: 1 });
  });
  const { body } = await api.get('/v1/attention?code=delivery_parked');
  expect(body.data).toEqual([
    expect.objectContaining({ orderId: order, code: 'delivery_parked', detail: expect.stringContaining(id) }),
  ]);
  expect(receiver.ids(path)).toEqual([`${order}:1`]);
  receiver.answer(path, undefined);
  // Parked orders, however many, do not delay the others.
  const parkedOrders = Array.from({ length: 100 }, () => randomUUID());
  await waitingRows(db).insertMany(parkedOrders.flatMap((orderId) => parked(id, orderId)));
  const other = await placedOrder(api);
  await until(() => arrived(path, [other]));
  await waitingRows(db).deleteMany({ endpointId: id, orderId: { $in: parkedOrders } });
  const retry = await api.post(`${root}/${id}/deliveries/${order}:1/retry`);
  expect(retry.status).toBe(202);
  await until(() => arrived(path, [order]));
  await until(async () => expect(await statusOf(id)).toMatchObject({ waiting: 0, parked: 0 }));
});

test('an order that is always refused stops neither other orders nor the endpoint', async () => {
  const { path, id } = await endpoint();
  const refused = randomUUID();
  receiver.answer(path, (message, response) =>
    response.writeHead(message.id.startsWith(refused) ? 500 : 204).end(),
  );
  await placedOrder(api, { id: refused });
  await until(async () => expect((await statusOf(id)).failures).toBeGreaterThanOrEqual(DOWN_AFTER));
  const other = await placedOrder(api);
  await until(() => arrived(path, [other]));
  // The answer is stored after the page that it belongs to.
  await until(async () =>
    expect(await statusOf(id)).toMatchObject({ status: 'enabled', lastSuccessAt: expect.any(String) }),
  );
});

test('an order that cannot be read waits, and other orders do not', async () => {
  const after = await feedHead(orderLog, db);
  const [unreadable, other] = await Promise.all([placedOrder(api), placedOrder(api)]);
  const eventId = `${unreadable}:2`;
  const stored = await until(async () => {
    const found = await journal(orderLog, db).findOne({ _id: eventId, position: { $exists: true } });
    if (found === null) throw new Error('It is not in the feed.');
    return found;
  });
  await journal(orderLog, db).updateOne({ _id: eventId }, { $set: { type: 'OrderTeleported' } });
  const { path, id } = await endpoint({ payload: 'order', after });
  await until(() => arrived(path, [other]));
  await until(async () =>
    expect(await waitingRows(db).findOne({ _id: `${id}/${eventId}` })).toMatchObject({
      failure: expect.stringContaining('the order cannot be read'),
    }),
  );
  expect(receiver.ids(path)).toContain(`${unreadable}:1`);
  await journal(orderLog, db).updateOne({ _id: eventId }, { $set: { type: stored.type } });
  await until(() => arrived(path, [unreadable]));
});

test('events after a lost event are sent without the order', async () => {
  const after = await feedHead(orderLog, db);
  const orderId = await placedOrder(api);
  await until(async () =>
    expect(await journal(orderLog, db).countDocuments({ orderId, position: { $exists: true } })).toBe(4),
  );
  const second = { _id: `${orderId}:2` };
  // As an event of another order, it is missing in this one.
  await journal(orderLog, db).updateOne(second, { $set: { orderId: 'another' } });
  const { path } = await endpoint({ payload: 'order', after });
  await until(() => expect(receiver.ids(path)).toContain(`${orderId}:4`));
  const bodies = receiver.received
    .filter((one) => one.path === path)
    .map((one) => JSON.parse(one.body) as { readonly id: string; readonly data: object });
  const sent = (version: number) => bodies.find(({ id }) => id === `${orderId}:${version}`)?.data;
  expect(sent(1)).toHaveProperty('order');
  expect(sent(3)).not.toHaveProperty('order');
  await journal(orderLog, db).updateOne(second, { $set: { orderId } });
});

test('during a rotation both secrets sign; after the next rotation the first does not', async () => {
  const { path, id, secret } = await endpoint();
  const rotated = await api.post(`${root}/${id}/rotate-secret`);
  expect(rotated).toMatchObject({ status: 200, body: { version: 2 } });
  const secrets = [secret, String(rotated.body.secret)];
  expect(new Set(secrets).size).toBe(2);
  const tested = await api.post(`${root}/${id}/test`);
  expect(tested).toMatchObject({
    status: 200,
    body: { type: 'webhook.test.v1', isDelivered: true, status: 204 },
  });
  const [message] = receiver.received.filter((one) => one.path === path);
  if (message === undefined) throw new Error('The test was not received.');
  expect(secrets.map((one) => isSignedBy(one, message))).toEqual([true, true]);
  const again = await api.post(`${root}/${id}/rotate-secret`);
  secrets.push(String(again.body.secret));
  await until(async () => {
    // The delivering process sees the rotation once it is in the view.
    const order = await placedOrder(api);
    await until(() => arrived(path, [order]));
    const events = receiver.received.filter((one) => one.path === path && one.id.startsWith(order));
    for (const event of events)
      expect(secrets.map((one) => isSignedBy(one, event))).toEqual([false, true, true]);
  });
});

test('an endpoint that answers 410 is disabled in its log, and continues when it is enabled', async () => {
  const { path, id } = await endpoint();
  receiver.answer(path, (_message, response) => response.writeHead(410).end());
  const order = await placedOrder(api);
  await until(async () =>
    expect((await api.get(`${root}/${id}`)).body).toMatchObject({
      status: 'disabled',
      disabledBecause: 'it answered 410 Gone',
    }),
  );
  const events = await journal(endpointLog, db).find({ orderId: id }).sort({ version: 1 }).toArray();
  expect(events.at(-1)).toMatchObject({ type: 'EndpointDisabled', actor: 'webhooks' });
  receiver.answer(path, undefined);
  await changed(id, { enabled: true, description: 'back' });
  await until(() => arrived(path, [order]));
  await until(async () =>
    expect((await api.get(`${root}/${id}`)).body).toMatchObject({ status: 'enabled', description: 'back' }),
  );
});

test('an endpoint that never succeeds is disabled in time; one that asks for a pause gets it', async () => {
  const [silent, busy] = [await endpoint(), await endpoint()];
  receiver.answer(silent.path, (_message, response) => response.writeHead(503).end());
  receiver.answer(busy.path, (_message, response) =>
    response.writeHead(429, { 'retry-after': '3000' }).end(),
  );
  const order = await placedOrder(api);
  await until(async () => {
    const old = { $set: { 'health.failingSince': '2026-01-01T00:00:00.000Z' } };
    const failing = { _id: silent.id, 'health.failingSince': { $exists: true } };
    await subscriptionRows(db).updateOne(failing, old);
    const { body } = await api.get(`${root}/${silent.id}`);
    expect(body).toMatchObject({
      status: 'disabled',
      disabledBecause: expect.stringContaining('nothing was delivered since 2026'),
    });
  });
  const ofSilent = await journal(endpointLog, db).find({ orderId: silent.id }).sort({ version: 1 }).toArray();
  expect(ofSilent.at(-1)).toMatchObject({ type: 'EndpointDisabled', actor: 'webhooks' });
  await until(async () => {
    const status = await statusOf(busy.id);
    expect(Date.parse(status.restUntil)).toBeGreaterThan(Date.now() + 1_000_000);
  });
  // While the endpoint is paused, it gets no event of any order.
  const before = receiver.received.filter((one) => one.path === busy.path).length;
  const [meanwhile, well] = [await placedOrder(api), await endpoint({ after: 0 })];
  await until(() => arrived(well.path, [meanwhile]));
  expect(receiver.received.filter((one) => one.path === busy.path)).toHaveLength(before);
  // An operator asks for an immediate retry.
  receiver.answer(busy.path, undefined);
  const { status } = await api.post(`${root}/${busy.id}/deliveries/${order}:1/retry`);
  expect(status).toBe(202);
  await until(async () => expect(receiver.ids(busy.path)[0]).toBe(`${order}:1`));
});

test('an endpoint gets no more per second than it asks for', async () => {
  const after = await feedHead(orderLog, db);
  const orderIds = await Promise.all([placedOrder(api), placedOrder(api)]);
  const events = await until(() => idsOf(orderIds));
  const begunAt = Date.now();
  const { path } = await endpoint({ after, perSecond: 20 });
  const times: number[] = [];
  receiver.answer(path, (_message, response) => {
    times.push(Date.now());
    response.writeHead(204).end();
  });
  await until(() => arrived(path, orderIds));
  expect(times).toHaveLength(events.length);
  // Each delivery may be late but not early, except for the rounding of timers to milliseconds.
  for (const [index, at] of times.entries()) expect(at - begunAt).toBeGreaterThanOrEqual(index * 50 - 1);
});

test('while no process delivers, readiness says so if there is an endpoint', async () => {
  const saidOfFeed = async () => {
    const { body } = await api.get('/health/ready');
    return body.dependencies.find(({ name }: { name: string }) => name === 'feed');
  };
  await endpoint();
  await until(async () =>
    expect(await saidOfFeed()).toMatchObject({
      status: 'degraded',
      detail: expect.stringContaining('deliver-webhooks was never done'),
    }),
  );
  const all = await endpointViews(db).find({ status: 'enabled' }).toArray();
  await until(async () => {
    // A step that an endpoint records meanwhile writes the endpoint's view again.
    await endpointViews(db).updateMany({}, { $set: { status: 'disabled' } });
    expect((await saidOfFeed()).detail).not.toContain('deliver-webhooks');
  });
  const ids = all.map(({ _id }) => _id);
  await endpointViews(db).updateMany({ _id: { $in: ids } }, { $set: { status: 'enabled' } });
});

test('a replay from the position at which the current pass began is not lost', async () => {
  const head = await feedHead(orderLog, db);
  const { path, id } = await endpoint({ after: head });
  const held: ServerResponse[] = [];
  receiver.answer(path, (_message, response) => void held.push(response));
  const order = await placedOrder(api);
  await until(async () => expect(held).not.toEqual([]));
  expect((await api.post(`${root}/${id}/replay`, { body: { after: head } })).status).toBe(200);
  receiver.answer(path, undefined);
  for (const response of held) response.writeHead(204).end();
  const times = () => receiver.received.filter((one) => one.path === path && one.id === `${order}:1`).length;
  await until(async () => expect(times()).toBe(2));
});

test('the feed is delivered again from a position or a time, also by another process', async () => {
  const order = await placedOrder(api);
  const head = await feedHead(orderLog, db);
  const { path, id } = await endpoint({ after: 0 });
  await until(() => arrived(path, [order]));
  await until(async () => expect(await statusOf(id)).toMatchObject({ lag: 0 }));
  await stopDelivering();
  stopDelivering = startDelivering();
  const [first] = await journal(orderLog, db).find({ orderId: order }).sort({ version: 1 }).toArray();
  if (first?.position === undefined) throw new Error('It has no position.');
  const count = () => receiver.received.filter((one) => one.path === path && one.id === `${order}:1`).length;
  const before = count();
  const replay = await api.post(`${root}/${id}/replay`, { body: { after: first.position - 1 } });
  expect(replay).toMatchObject({ status: 200, body: { after: first.position - 1, generation: 1 } });
  await until(async () => expect(count()).toBeGreaterThan(before));
  const byTime = await api.post(`${root}/${id}/replay`, { body: { from: first.recordedAt } });
  expect(byTime.status).toBe(200);
  expect(byTime.body.after).toBeLessThan(first.position);
  await until(async () => expect(count()).toBeGreaterThan(before + 1));
  for (const body of [{}, { after: 1, from: '2026-01-01' }, { after: head + 1_000_000 }])
    expect((await api.post(`${root}/${id}/replay`, { body })).status).toBe(422);
});

test('a deleted endpoint gets nothing more, and wrong requests are refused', async () => {
  const other = await endpoint();
  const { path, id, key, body } = await endpoint();
  const deleted = await api.send('DELETE', `${root}/${id}`);
  expect(deleted).toMatchObject({ status: 200, body: { status: 'deleted' } });
  expect((await api.post(`${root}/${id}/test`)).status).toBe(404);
  const order = await placedOrder(api);
  await until(() => arrived(other.path, [order]));
  expect(receiver.ids(path)).toEqual([]);
  const [created] = await journal(endpointLog, db).find({ orderId: id }).sort({ version: 1 }).toArray();
  if (created?.type !== 'EndpointCreated') throw new Error('Its log has no beginning.');
  const { secretId } = created.data as { secretId: string };
  await expect(api.mongo.webhookSecrets.read([secretId])).rejects.toThrow('lacks the webhook secret');
  // Simulates a process that ended before it removed the secrets.
  await api.mongo.webhookSecrets.make(secretId);
  await until(async () =>
    expect(await endpointViews(db).findOne({ _id: id })).toMatchObject({ finished: true }),
  );
  await stopDelivering();
  stopDelivering = startDelivering();
  await until(() =>
    expect(api.mongo.webhookSecrets.read([secretId])).rejects.toThrow('lacks the webhook secret'),
  );
  await until(async () => {
    const repeated = await api.post(root, { body, headers: { 'idempotency-key': key } });
    expect(repeated).toMatchObject({ status: 404, body: { code: 'endpoint_not_found' } });
  });
  await expect(api.mongo.webhookSecrets.read([secretId])).rejects.toThrow('lacks the webhook secret');
  for (const url of ['ftp://shop.example', 'shop.example', 'https://ada:secret@shop.example'])
    expect(await api.post(root, { body: { url } })).toMatchObject({
      status: 422,
      body: { code: 'invalid_url' },
    });
  expect((await api.post(root, { body: { url: receiver.url, after: 1_000_000_000 } })).status).toBe(422);
  expect((await api.get(`${root}/none`)).status).toBe(404);
  expect((await api.post(`${root}/none/rotate-secret`)).status).toBe(404);
});
