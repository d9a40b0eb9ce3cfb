import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recallCommands } from '../../../src/log/journal/command-memory.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { orderLog } from '../../../src/order-log.js';
import { orders as views } from '../../../src/views/orders.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { until } from '../../support/until.js';
import { deliver } from '../../support/webhooks.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
});
afterAll(async () => {
  await api.close();
});

async function typesOf(orderId: string): Promise<readonly string[]> {
  return (await readJournal(orderLog, api.mongo.db, orderId)).map((event) => event.type);
}

async function countOf(orderId: string, type: string): Promise<number> {
  return (await typesOf(orderId)).filter((one) => one === type).length;
}

/** Waits until the journal has `count` events of the type. */
async function untilThere(orderId: string, type: string, count: number): Promise<void> {
  await until(async () => expect(await countOf(orderId, type)).toBeGreaterThanOrEqual(count), 120);
}

/** Calls `send` with 0, 1, 2 … `count` - 1, ten at a time. */
async function tenAtATime(count: number, send: (n: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += 10)
    await Promise.all(Array.from({ length: Math.min(10, count - from) }, (_, n) => send(from + n)));
}

async function dispatchedOrder(): Promise<string> {
  const orderId = await placedOrder(api);
  await api.post(`/v1/orders/${orderId}/shipments`, { headers: whenAtRest });
  const body = { carrier: 'DHL', trackingNumber: 'T-1' };
  await api.post(`/v1/orders/${orderId}/shipments/s1/dispatch`, { body, headers: whenAtRest });
  return orderId;
}

describe('a key is known for as long as its order exists', () => {
  test('however many commands come after it', async () => {
    const orderId = await dispatchedOrder();
    const refund = (amount: number, key: string, more = {}) =>
      api.post(`/v1/orders/${orderId}/refunds`, {
        body: { amount, reason: 'sorry' },
        headers: { 'idempotency-key': key, ...more },
      });
    const first = await refund(1_000, 'refund-K1');
    expect(first.status).toBe(200);
    await refund(100, 'refund-K2', { prefer: 'respond-async' });
    const notes = 520;
    await tenAtATime(notes, (n) =>
      api.post(`/v1/orders/${orderId}/notes`, {
        body: { text: `note ${n}` },
        headers: { 'idempotency-key': `note-${n}`, prefer: 'respond-async' },
      }),
    );
    await untilThere(orderId, 'NoteAdded', notes);

    const again = await refund(1_000, 'refund-K1');
    expect(again).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
    expect(again.body).toEqual(first.body);
    // The same command as a signal, for which the order searches the journal in a separate step.
    await refund(100, 'refund-K2', { prefer: 'respond-async' });
    expect(await refund(2_000, 'refund-K1')).toMatchObject({ status: 422, body: { code: 'key_reused' } });
    // A key that the order must still know is handled without the journal.
    expect(await refund(10, 'refund-K3')).toMatchObject({ status: 200 });
    await untilThere(orderId, 'RefundRequested', 3);
    await api.post(`/v1/orders/${orderId}/notes`, { body: { text: 'last' }, headers: whenAtRest });
    expect(await countOf(orderId, 'RefundRequested')).toBe(3);
    expect((await api.get(`/v1/orders/${orderId}?consistency=strong`)).body).toMatchObject({
      refunded: 1_110,
    });
  }, 240_000);
});

describe('a key belongs to its issuer', () => {
  test('two actors may use the same key on one order', async () => {
    const orderId = await placedOrder(api);
    const note = (actor: string, text: string) =>
      api.post(`/v1/orders/${orderId}/notes`, {
        body: { text },
        headers: { 'idempotency-key': '1', 'x-actor': actor },
      });
    expect((await note('ada', 'from Ada')).status).toBe(200);
    expect(await note('bob', 'from Bob')).toMatchObject({ status: 200 });
    expect((await note('bob', 'from Bob')).headers['idempotent-replayed']).toBe('true');
    expect(await note('ada', 'from Bob')).toMatchObject({ status: 422, body: { code: 'key_reused' } });
    // The history has the decided events before they are recorded.
    const { data } = (await api.get(`/v1/orders/${orderId}/events?source=history`)).body;
    expect(data.filter(({ type }: { type: string }) => type === 'NoteAdded')).toHaveLength(2);
  });

  test('a client cannot have a webhook’s id, and payments and carriers may use the same id', async () => {
    const orderId = await placedOrder(api, { payment: { method: 'tok_pending' } });
    for (const [actor, status] of [
      ['anonymous', 200],
      ['ada', 200],
      // Only the webhooks may use these names.
      ['payments', 400],
      ['carriers', 400],
    ] as const) {
      const headers = { 'idempotency-key': '1', 'x-actor': actor };
      const noted = await api.post(`/v1/orders/${orderId}/notes`, { body: { text: 'x' }, headers });
      expect({ actor, status: noted.status }).toEqual({ actor, status });
    }
    const pending = (await readJournal(orderLog, api.mongo.db, orderId)).find(
      ({ type }) => type === 'PaymentPending',
    );
    const { authorizationId } = (pending?.data ?? {}) as { authorizationId?: string };
    const tracked = { orderId, shipmentId: 's1', carrier: 'DHL', trackingNumber: 'T-1' };
    await deliver(api, 'carriers', { type: 'shipment.dispatched', data: tracked }, { id: '1' });
    const paid = { orderId, authorizationId, reference: pending?.causationId };
    await deliver(api, 'payments', { type: 'payment.authorized', data: paid }, { id: '1' });
    await untilThere(orderId, 'OrderConfirmed', 1);
    await untilThere(orderId, 'FactReceived', 1);
  });
});

test('a key stays with the command that used it first, even if later commands under it are refused', async () => {
  const orderId = await placedOrder(api);
  const note = (text: string, more = {}) =>
    api.post(`/v1/orders/${orderId}/notes`, { body: { text }, headers: { 'idempotency-key': 'K', ...more } });
  const first = await note('one');
  expect(first.status).toBe(200);
  expect((await note('other', { prefer: 'respond-async' })).status).toBe(202);
  await untilThere(orderId, 'CommandRejected', 1);
  expect(await note('other')).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  const again = await note('one');
  expect(again).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
  expect(again.body).toEqual(first.body);
  expect(await countOf(orderId, 'NoteAdded')).toBe(1);
  const known = await recallCommands(orderLog, api.mongo.db, orderId, ['anonymous K'], 6);
  expect(known).toMatchObject([{ answer: { version: 5, events: [{ type: 'NoteAdded' }] } }]);
});

describe('a fact', () => {
  test('that comes too early is applied once it fits, and changes nothing when it comes again', async () => {
    const orderId = await placedOrder(api);
    const delivered = { type: 'shipment.delivered', data: { orderId, shipmentId: 's1' } };
    const id = randomUUID();
    for (let times = 0; times < 3; times += 1)
      expect(await deliver(api, 'carriers', delivered, { id })).toMatchObject({ status: 202 });
    await untilThere(orderId, 'FactReceived', 1);
    await api.post(`/v1/orders/${orderId}/shipments`, { headers: whenAtRest });
    const body = { carrier: 'DHL', trackingNumber: 'T-1' };
    await api.post(`/v1/orders/${orderId}/shipments/s1/dispatch`, { body });
    await untilThere(orderId, 'OrderCompleted', 1);
    const delivery = (await readJournal(orderLog, api.mongo.db, orderId)).find(
      ({ type }) => type === 'ShipmentDelivered',
    );
    expect(delivery).toMatchObject({ commandId: `webhook carriers ${id}`, actor: 'carriers' });
    await deliver(api, 'carriers', delivered, { id });
    await api.post(`/v1/orders/${orderId}/notes`, { body: { text: 'x' }, headers: whenAtRest });
    expect(await countOf(orderId, 'FactReceived')).toBe(1);
    expect(await countOf(orderId, 'ShipmentDelivered')).toBe(1);
  });

  test('waits in a list of limited size: beyond that, the sender has to send it again later', async () => {
    const orderId = await placedOrder(api);
    await tenAtATime(100, async (n) => {
      const data = { orderId, shipmentId: `s${n + 1}` };
      expect((await deliver(api, 'carriers', { type: 'shipment.delivered', data })).status).toBe(202);
    });
    // The API checks the room for facts in the view, which is written after the journal.
    await until(async () =>
      expect((await views(api.mongo.db).findOne({ _id: orderId }))?.state.facts).toHaveLength(100),
    );
    const data = { orderId, shipmentId: 's101' };
    expect(await deliver(api, 'carriers', { type: 'shipment.delivered', data })).toMatchObject({
      status: 503,
      headers: { 'retry-after': expect.any(String) },
      body: { code: 'facts_waiting' },
    });
  });
});

test('a command that does not fit does not grow the log when it is sent repeatedly as a signal', async () => {
  const orderId = await placedOrder(api);
  await tenAtATime(150, async () => {
    const { status } = await api.post(`/v1/orders/${orderId}/release`, {
      headers: { prefer: 'respond-async' },
    });
    expect(status).toBe(202);
  });
  await api.post(`/v1/orders/${orderId}/notes`, { body: { text: 'done' }, headers: whenAtRest });
  expect(await countOf(orderId, 'CommandRejected')).toBe(1);
});
