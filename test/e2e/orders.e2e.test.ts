import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openAll } from '../../src/sealing/opening.js';
import { sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { sandboxPayments } from '../../src/effects/payments/sandbox-payments.js';
import type { PaymentFact } from '../../src/order/commands.js';
import { audit } from '../support/audit.js';
import { key, whenAtRest } from '../support/headers.js';
import {
  type Api,
  apiAt,
  byDhl,
  orderBody,
  paidWith,
  type PlacedOrder,
} from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
let api: Api;
/** A write side whose orders have short terms, and whose workflows have short runs. */
let hasty: Api;
const hastyOrders: PlacedOrder[] = [];

beforeAll(async () => {
  system = createSystem();
  const [server, hastyServer] = await Promise.all([
    system.start('write,read'),
    system.start('write', {
      PAYMENT_DEADLINE: '2s',
      RETURN_WINDOW: '1s',
      AUTHORIZATION_TTL: '3s',
      CONTINUE_AS_NEW_AFTER: '25',
    }),
    system.start('worker'),
  ]);
  api = apiAt(server.address);
  const hastyApi = apiAt(hastyServer.address);
  hasty = {
    ...api,
    async place(more, headers) {
      const { status, body } = await hastyApi.post('/v1/orders', {
        body: orderBody(more),
        headers: {
          ...whenAtRest,
          ...headers,
        },
      });
      expect(status).toBe(201);
      const order = api.order(String(body.orderId));
      hastyOrders.push(order);
      return order;
    },
  };
}, 120_000);
afterAll(async () => {
  await system.end();
}, 60_000);

/** Creates a shipment of these lines (by default all that are left), and dispatches it. */
async function ship(order: PlacedOrder, lines?: readonly object[]): Promise<string> {
  const { body } = await order.tell('shipments', lines === undefined ? {} : { lines });
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  return String(body.shipmentId);
}

async function shipAndDeliver(order: PlacedOrder, lines?: readonly object[]): Promise<void> {
  const shipmentId = await ship(order, lines);
  await order.tell(`shipments/${shipmentId}/deliver`);
}

function refused(
  reply: { readonly status: number; readonly body: unknown },
  status: number,
  code: string,
): void {
  expect(reply).toMatchObject({ status, body: { code, status } });
}

describe('fulfilment', () => {
  test('an order is placed, shipped, delivered and completed', async () => {
    const order = await api.place();
    expect(await order.view()).toMatchObject({
      status: 'confirmed',
      paymentStatus: 'authorized',
      authorized: 3998,
      captured: 0,
      fulfillmentStatus: 'none',
    });
    await shipAndDeliver(order);
    expect(await order.becomes({ status: 'completed' })).toMatchObject({
      paymentStatus: 'captured',
      captured: 3998,
      fulfillmentStatus: 'delivered',
      lines: [{ sku: 'A-1', quantity: 2, shipped: 2, delivered: 2 }],
    });
    expect(await order.log()).toEqual([
      'OrderCreated',
      'StockReserved',
      'PaymentAuthorized',
      'OrderConfirmed',
      'ShipmentCreated',
      'ShipmentDispatched',
      'StockDeducted',
      'PaymentCaptured',
      'ShipmentDelivered',
      'OrderCompleted',
    ]);
  });

  test('an order in two shipments is captured per shipment, to the cent', async () => {
    const order = await api.place({
      lines: [
        { sku: 'A-1', quantity: 3, unitPrice: 333 },
        { sku: 'B-1', quantity: 1, unitPrice: 500 },
      ],
      shippingFee: 490,
      tax: 101,
      discount: 77,
    });
    const { total } = await order.view();
    await shipAndDeliver(order, [{ sku: 'A-1', quantity: 2 }]);
    const between = await order.view();
    expect(between).toMatchObject({
      status: 'confirmed',
      paymentStatus: 'partially_captured',
      fulfillmentStatus: 'partially_delivered',
    });
    await shipAndDeliver(order);
    const { captured } = await order.becomes({ status: 'completed', paymentStatus: 'captured' });
    expect(captured).toBe(total);
  });

  test('a held order is not shipped until it is released', async () => {
    const order = await api.place();
    await order.tell('hold', { reason: 'address check' });
    refused(await api.post(`/v1/orders/${order.id}/shipments`), 409, 'not_allowed');
    await order.tell('release');
    await shipAndDeliver(order);
    await order.becomes({ status: 'completed', held: false });
  });

  test('a carrier reports dispatch and delivery, twice', async () => {
    const order = await api.place();
    const { body } = await order.tell('shipments');
    const shipment = { orderId: order.id, shipmentId: body.shipmentId };
    expect(await api.webhook('carriers', 'shipment.dispatched', { ...shipment, ...byDhl })).toMatchObject({
      status: 202,
    });
    await order.becomes({ captured: 3998 });
    const delivered = () => api.webhook('carriers', 'shipment.delivered', shipment);
    expect([(await delivered()).status, (await delivered()).status]).toEqual([202, 202]);
    await order.becomes({ status: 'completed' });
    // The second webhook repeats the fact, so it changes nothing.
    await order.tell('notes', { text: 'delivered' });
    expect((await order.log()).slice(-3)).toEqual(['ShipmentDelivered', 'OrderCompleted', 'NoteAdded']);
  });

  test('commands with respond-async are signals, and one that does not fit is in the log', async () => {
    const async = { prefer: 'respond-async' };
    const created = await api.post('/v1/orders', { body: orderBody(), headers: { ...async, ...key() } });
    expect(created).toMatchObject({
      status: 202,
      headers: { location: `/v1/orders/${created.body.orderId}` },
    });
    const order = api.order(String(created.body.orderId));
    await order.becomes({ status: 'confirmed' });
    const path = `/v1/orders/${order.id}`;
    expect((await api.post(`${path}/release`, { headers: async })).status).toBe(202);
    expect((await api.post(`${path}/shipments`, { headers: async })).status).toBe(202);
    await order.becomes({ shipments: [{ status: 'created' }] });
    expect(await order.log()).toEqual(expect.arrayContaining(['CommandRejected', 'ShipmentCreated']));
  });
});

describe('stock', () => {
  test('an order for goods that are not in stock is rejected, and nobody is charged', async () => {
    const order = await api.place({ lines: [{ sku: 'OUT-1', quantity: 1, unitPrice: 100 }] });
    expect(await order.view()).toMatchObject({
      status: 'rejected',
      paymentStatus: 'none',
      allowedCommands: [],
    });
    refused(await api.post(`/v1/orders/${order.id}/notes`, { body: { text: 'late' } }), 409, 'order_closed');
  });

  test('of many simultaneous orders for the last three pieces, three are confirmed', async () => {
    await api.put('/v1/stock/RARE-1', { body: { onHand: 3 } });
    const placed = await Promise.all(
      Array.from({ length: 8 }, () => api.place({ lines: [{ sku: 'RARE-1', quantity: 1, unitPrice: 900 }] })),
    );
    const views = await Promise.all(placed.map((order) => order.view()));
    expect(views.map(({ status }) => status).toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => 'confirmed'),
      ...Array.from({ length: 5 }, () => 'rejected'),
    ]);
    expect((await api.get('/v1/stock/RARE-1')).body).toMatchObject({ onHand: 3, reserved: 3 });
  });
});

describe('payment', () => {
  test.each(['tok_declined', 'tok_insufficient_funds'])('%s rejects the order', async (method) => {
    const order = await api.place(paidWith(method));
    expect(await order.view()).toMatchObject({ status: 'rejected', paymentStatus: 'none' });
    expect(await order.log()).toEqual([
      'OrderCreated',
      'StockReserved',
      'PaymentDeclined',
      'OrderRejected',
      'StockReleased',
    ]);
  });

  test('a provider that fails three times is called until it answers', async () => {
    const order = await api.place(paidWith('tok_flaky'));
    await order.becomes({ status: 'confirmed', authorized: 3998 });
    await shipAndDeliver(order);
    await order.becomes({ status: 'completed', captured: 3998 });
  });

  test('a pending payment is settled by the signed webhook', async () => {
    const order = await api.place(paidWith('tok_pending'));
    await order.becomes({ status: 'pending', paymentStatus: 'pending' });
    await settle(order, 'authorized');
    await order.becomes({ status: 'confirmed', paymentStatus: 'authorized' });
  });

  test('a pending payment that the customer declines rejects the order', async () => {
    const order = await api.place(paidWith('tok_pending'));
    await settle(order, 'declined');
    await order.becomes({ status: 'rejected' });
  });

  test('a webhook whose signature is wrong is refused', async () => {
    const reply = await api.post('/v1/webhooks/payments', { headers: { 'webhook-signature': 'v1,none' } });
    expect([400, 401]).toContain(reply.status);
  });

  test('a payment that is pending past its deadline expires the order, and is voided', async () => {
    const order = await hasty.place(paidWith('tok_pending'));
    await order.becomes({ status: 'expired', paymentStatus: 'voided' });
  });

  test('a declined capture holds the order until another payment method is captured', async () => {
    const order = await api.place(paidWith('tok_capture_declined'));
    const shipmentId = await ship(order);
    expect(await order.becomes({ held: true, captured: 0 })).toMatchObject({
      allowedCommands: expect.arrayContaining(['capture', 'write-off']),
    });
    await order.tell('capture', { payment: { method: 'tok_ok' } });
    await order.becomes({ held: false, captured: 3998 });
    await order.tell(`shipments/${shipmentId}/deliver`);
    await order.becomes({ status: 'completed', paymentStatus: 'captured' });
  });

  test('a declined capture can be written off', async () => {
    const order = await api.place(paidWith('tok_capture_declined'));
    const shipmentId = await ship(order);
    await order.becomes({ held: true });
    await order.tell('write-off', { reason: 'not worth it' });
    await order.tell(`shipments/${shipmentId}/deliver`);
    await order.becomes({ status: 'completed', held: false, captured: 0 });
  });

  test('an authorization that lapsed is made again before the capture', async () => {
    const order = await hasty.place();
    await until(async () => expect(await order.log()).toContain('AuthorizationExpired'));
    await shipAndDeliver(order);
    await order.becomes({ status: 'completed', captured: 3998 });
    const log = await order.log();
    const count = (type: string) => log.filter((one) => one === type).length;
    // On a busy machine the second authorization may also expire before its capture.
    expect(count('PaymentAuthorized')).toBe(count('AuthorizationExpired') + 1);
  });

  /** Sends the provider's webhook about the customer's decision. */
  async function settle(order: PlacedOrder, outcome: PaymentFact['outcome']): Promise<void> {
    const ledger = sandboxLedger(system.db);
    const entry = await ledger.findOne({ orderId: order.id, type: 'authorize' });
    const provider = sandboxPayments(system.db);
    const fact = await provider.settlePending(entry?.request.key ?? '', outcome);
    const { reference, authorizationId } = fact;
    const told = { orderId: order.id, reference, authorizationId };
    expect((await api.webhook('payments', `payment.${outcome}`, told)).status).toBe(202);
  }
});

describe('cancellation', () => {
  test('before a shipment returns stock and money', async () => {
    const order = await api.place();
    await order.tell('cancel', { reason: 'changed my mind' });
    await order.becomes({ status: 'cancelled', paymentStatus: 'voided', cancelReason: 'changed my mind' });
    expect(await order.log()).toEqual(expect.arrayContaining(['StockReleased', 'AuthorizationVoided']));
  });

  test('while the authorization is in flight waits for its answer, then voids it', async () => {
    const placed = await api.post('/v1/orders', { body: orderBody(paidWith('tok_slow')) });
    const order = api.order(String(placed.body.orderId));
    const ledger = sandboxLedger(system.db);
    await until(async () => expect(await ledger.countDocuments({ orderId: order.id })).toBe(1));
    await order.tell('cancel', { reason: 'too slow' });
    await order.becomes({ status: 'cancelled', paymentStatus: 'voided' });
    expect(await order.log()).toEqual(expect.arrayContaining(['PaymentAuthorized', 'AuthorizationVoided']));
  });

  test('after everything is dispatched is refused, and the answer lists what is allowed', async () => {
    const order = await api.place();
    await ship(order);
    const reply = await api.post(`/v1/orders/${order.id}/cancel`, { body: { reason: 'late' } });
    refused(reply, 409, 'not_allowed');
    expect(reply.body.allowedCommands).toContain('refunds');
  });

  test('of a partly shipped order cancels the remainder, and the order completes on what was shipped', async () => {
    const order = await api.place();
    const shipmentId = await ship(order, [{ sku: 'A-1', quantity: 1 }]);
    await order.tell('cancel', { reason: 'one is enough' });
    await order.tell(`shipments/${shipmentId}/deliver`);
    await order.becomes({
      status: 'completed',
      captured: 1999,
      lines: [{ sku: 'A-1', quantity: 2, cancelled: 1, delivered: 1 }],
    });
  });
});

describe('an amendment', () => {
  const amended = (quantity: number) => ({ lines: [{ sku: 'A-1', quantity }] });

  test('to more goods reserves and authorizes the difference', async () => {
    const order = await api.place();
    await order.tell('amend', amended(3));
    await order.becomes({ total: 5997, authorized: 5997, status: 'confirmed' });
    await shipAndDeliver(order);
    await order.becomes({ status: 'completed', captured: 5997 });
  });

  test('to fewer goods releases the difference', async () => {
    const order = await api.place();
    await order.tell('amend', amended(1));
    await order.becomes({ total: 1999 });
    expect(await order.log()).toContain('StockReleased');
    await shipAndDeliver(order);
    await order.becomes({ status: 'completed', captured: 1999 });
  });

  test('to goods that are out of stock is refused, and the old lines stand', async () => {
    const order = await api.place();
    await order.tell('amend', amended(100_000));
    await order.becomes({ total: 3998, lines: [{ quantity: 2 }], status: 'confirmed' });
    expect(await order.log()).toContain('AmendmentRefused');
  });
});

describe('after delivery', () => {
  test('returned goods are restocked and refunded', async () => {
    const order = await api.place();
    await shipAndDeliver(order);
    const { body } = await order.tell('returns', {
      lines: [{ sku: 'A-1', quantity: 1 }],
      reason: 'broken',
    });
    await order.tell(`returns/${body.returnId}/receive`);
    await order.becomes({
      status: 'completed',
      refunded: 1999,
      paymentStatus: 'partially_refunded',
      lines: [{ returned: 1 }],
    });
    expect(await order.log()).toEqual(expect.arrayContaining(['StockRestocked', 'PaymentRefunded']));
  });

  test('returned goods that were not paid refund nothing, and paid goods all that was paid for them', async () => {
    const lines = ['A-1', 'B-1'].map((sku) => ({ sku, quantity: 1, unitPrice: 10_000 }));
    const order = await api.place({ lines, ...paidWith('tok_capture_declined') });
    const paid = await ship(order, [{ sku: 'A-1', quantity: 1 }]);
    await order.becomes({ held: true });
    await order.tell('capture');
    await order.becomes({ held: false, captured: 10_000 });
    const unpaid = await ship(order, [{ sku: 'B-1', quantity: 1 }]);
    await order.becomes({ held: true });
    await order.tell('write-off', { reason: 'not worth it' });
    for (const shipmentId of [paid, unpaid]) await order.tell(`shipments/${shipmentId}/deliver`);
    const giveBack = async (sku: string) => {
      const { body } = await order.tell('returns', { lines: [{ sku, quantity: 1 }], reason: 'broken' });
      await order.tell(`returns/${body.returnId}/receive`);
    };
    await giveBack('B-1');
    await giveBack('A-1');
    await order.becomes({
      refunded: 10_000,
      paymentStatus: 'refunded',
      refunds: [{ returnId: 'r2', amount: 10_000 }],
    });
    expect((await order.log()).filter((type) => type === 'PaymentRefunded')).toHaveLength(1);
  });

  test('goodwill is refunded up to what was captured', async () => {
    const order = await api.place();
    await shipAndDeliver(order);
    await order.tell('refunds', { amount: 1000, reason: 'late' });
    await order.becomes({ refunded: 1000 });
    const path = `/v1/orders/${order.id}/refunds`;
    expect((await api.post(path, { body: { amount: 2999, reason: 'greedy' } })).status).toBe(422);
    await order.tell('refunds', { amount: 2998, reason: 'late again' });
    await order.becomes({ refunded: 3998, paymentStatus: 'refunded' });
  });

  test('an order closes when its return window has passed', async () => {
    const order = await hasty.place();
    await shipAndDeliver(order);
    await until(async () => expect((await order.log()).at(-1)).toBe('OrderClosed'));
    await order.becomes({ status: 'completed', allowedCommands: [] });
    refused(await api.post(`/v1/orders/${order.id}/notes`, { body: { text: 'late' } }), 409, 'order_closed');
  });
});

describe('short runs', () => {
  test('an order continues over several runs, and a later run answers a repeated command as before', async () => {
    const order = await hasty.place({ lines: [{ sku: 'A-1', quantity: 4, unitPrice: 250 }] });
    const path = `/v1/orders/${order.id}/notes`;
    const first = await api.post(path, { body: { text: 'first' }, headers: key('note-1') });
    for (const quantity of [1, 1, 1]) await shipAndDeliver(order, [{ sku: 'A-1', quantity }]);
    const again = await api.post(path, { body: { text: 'first' }, headers: key('note-1') });
    expect(again).toMatchObject({
      status: 200,
      headers: { 'idempotent-replayed': 'true' },
      body: first.body,
    });
    refused(await api.post(path, { body: { text: 'other' }, headers: key('note-1') }), 422, 'key_reused');
    await order.tell('cancel', { reason: 'enough' });
    await order.becomes({ status: 'completed', captured: 750 });
    expect((await order.log()).filter((type) => type === 'NoteAdded')).toHaveLength(1);
  });

  test('a burst of commands loses none of them', async () => {
    const order = await hasty.place(paidWith('tok_slow'));
    const ids = Array.from({ length: 30 }, () => randomUUID());
    // Repeats the request with the same key if there is no answer in time, as a client does.
    const note = (id: string) =>
      until(() => order.tell('notes', { text: `note ${id}` }, { prefer: '', ...key(id) }), 60);
    const replies = await Promise.all(ids.map(note));
    expect(new Set(replies.map(({ body }) => body.version)).size).toBe(ids.length);
    const { notes } = await until(async () => {
      const view = await order.view();
      expect(view.notes).toHaveLength(ids.length);
      return view;
    });
    expect(notes.map(({ text }) => text).toSorted()).toEqual(ids.map((id) => `note ${id}`).toSorted());
    await order.tell('cancel', { reason: 'enough' });
  });
});

test('history, journal, view and workflow of each order agree, and so do payments and stock', async () => {
  // Waits until the near deadlines have passed, because the compared orders must not change any
  // more.
  await Promise.all(hastyOrders.map((order) => order.becomes({ allowedCommands: [] })));
  const audited = await audit(system);
  expect(audited.length).toBeGreaterThan(30);
  expect(audited.filter(({ runs }) => runs > 1).length).toBeGreaterThan(2);
  for (const { orderId, order, events } of audited) {
    const { body } = await api.get(`/v1/orders/${orderId}`);
    expect(body.version).toBe(order.version);
    // If a busy worker is late with its answer, the history is read instead, so it is tried again.
    await until(async () => {
      const strong = await api.get(`/v1/orders/${orderId}?consistency=strong`);
      expect(strong).toMatchObject({ status: 200, headers: { 'served-by': 'workflow' }, body });
    });
    const history = await api.get(`/v1/orders/${orderId}/events?source=history&limit=1000`);
    expect(history.body.data).toEqual((await openAll(system.keyStore, events)).value);
  }
}, 180_000);
