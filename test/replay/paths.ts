import type { FactMessage } from '../../src/order-log.js';
import {
  type Orders,
  type StartedOrder,
  fastForward,
  messageOf,
  resumed,
  terms,
} from '../log/workflow/support.js';

/**
 * The paths of an order through its life, run on a real server with scripted activities. Each
 * leaves the order idle or ended.
 */
export const paths: Readonly<Record<string, (orders: Orders) => Promise<StartedOrder>>> = {
  async happy(orders) {
    const order = await confirmed(orders);
    await shipAll(order);
    await deliver(order, 's1');
    await fastForward(order, terms.returnWindow + 1000);
    await order.current().result();
    return order;
  },

  async 'out of stock'(orders) {
    orders.activities.on('reserve', async () => ({
      type: 'out_of_stock',
      missing: [{ sku: 'A-1', requested: 2, available: 1 }],
    }));
    return await ended(await started(orders));
  },

  async 'payment declined'(orders) {
    orders.activities.on('authorize', async () => ({ type: 'declined', code: 'insufficient_funds' }));
    return await ended(await started(orders));
  },

  async 'payment pending, then authorized'(orders) {
    const { order, orderId } = await pending(orders);
    const fact = {
      reference: `${orderId}:authorize:2`,
      authorizationId: 'a-1',
      outcome: 'authorized',
    } as const;
    await order.current().signal<[FactMessage]>('PaymentSettled', messageOf(fact));
    await order.until((state) => state.order.status === 'confirmed' && state.unrecorded === 0);
    return order;
  },

  async 'payment pending, then expired'(orders) {
    const { order } = await pending(orders);
    await fastForward(order, terms.paymentDeadline + 1000);
    return await ended(order);
  },

  async 'cancelled before shipment'(orders) {
    const order = await confirmed(orders);
    await order.update('CancelOrder', { reason: 'changed my mind' });
    return await ended(order);
  },

  async 'partly shipped, the rest cancelled'(orders) {
    const order = await confirmed(orders);
    await order.update('CreateShipment', { lines: [{ sku: 'A-1', quantity: 1 }] });
    await dispatch(order, 's1');
    await order.update('CancelOrder', { reason: 'the rest takes too long' });
    await deliver(order, 's1');
    return order;
  },

  /** A refused label is requested again, and a booked one is dispatched. */
  async 'labels refused and booked'(orders) {
    const shippingAddress = { street: '1 Main St', city: 'Berlin', country: 'DE' };
    const { order } = await orders.start({ shippingAddress });
    await order.until((state) => state.order.status === 'confirmed' && state.unrecorded === 0);
    await order.update('CreateShipment', {});
    orders.activities.on('book', async () => ({ type: 'refused', code: 'address_not_served' }));
    await order.update('RequestLabel', { shipmentId: 's1', carrier: 'Refusing Post' });
    await idle(order);
    orders.activities.on('book', async () => ({
      type: 'booked',
      carrier: 'Sandbox Post',
      trackingNumber: 'SP1',
      labelUrl: 'https://labels.example/SP1.pdf',
    }));
    await order.update('RequestLabel', { shipmentId: 's1' });
    await idle(order);
    await order.update('DispatchShipment', { shipmentId: 's1' });
    await idle(order);
    return await deliver(order, 's1');
  },

  async 'two shipments'(orders) {
    const order = await confirmed(orders);
    await order.update('CreateShipment', { lines: [{ sku: 'A-1', quantity: 1 }] });
    await dispatch(order, 's1');
    await order.update('CreateShipment', {});
    await dispatch(order, 's2');
    await deliver(order, 's1');
    await deliver(order, 's2');
    return order;
  },

  async 'held and released, by commands and by signals'(orders) {
    const order = await confirmed(orders);
    await order.update('HoldOrder', { reason: 'fraud check' });
    await order.signal('HoldOrder', { reason: 'again' });
    await order.update('ReleaseOrder', {});
    await order.signal('AddNote', { text: 'checked' });
    return await idle(order);
  },

  /**
   * Each change that is upserted to Temporal's list immediately, in a first run and in a resumed
   * one.
   */
  async 'listed, and listed anew'(orders) {
    const order = await confirmed(orders);
    await order.update('HoldOrder', { reason: 'fraud check' });
    await order.update('ReleaseOrder', {});
    await order.update('CreateShipment', { lines: [{ sku: 'A-1', quantity: 1 }] });
    await dispatch(order, 's1');
    await idle(order);
    const next = await resumed(orders, order, []);
    await next.update('HoldOrder', { reason: 'again' });
    return await idle(next);
  },

  async 'amended, then refused'(orders) {
    const order = await confirmed(orders);
    await order.update('AmendOrder', { lines: [{ sku: 'A-1', quantity: 3 }] });
    await idle(order);
    orders.activities.on('authorize', async () => ({ type: 'declined', code: 'insufficient_funds' }));
    await order.update('AmendOrder', { lines: [{ sku: 'A-1', quantity: 9 }] });
    return await idle(order);
  },

  async 'capture declined, tried again'(orders) {
    const order = await captureDeclined(orders);
    await order.update('CapturePayment', { payment: { method: 'tok_other' } });
    return await idle(order);
  },

  async 'capture declined, written off'(orders) {
    const order = await captureDeclined(orders);
    await order.update('WriteOffCapture', { reason: 'not worth it' });
    return await deliver(order, 's1');
  },

  async 'authorization lapsed'(orders) {
    const order = await confirmed(orders);
    await fastForward(order, terms.authorizationTtl + 1000);
    await order.until(({ order: { authorizations } }) => authorizations[0]?.status === 'expired');
    return await shipAll(order);
  },

  async 'returned and refunded'(orders) {
    const order = await confirmed(orders);
    await shipAll(order);
    await deliver(order, 's1');
    await order.update('RequestReturn', { lines: [{ sku: 'A-1', quantity: 1 }], reason: 'too bright' });
    await order.update('ReceiveReturn', { returnId: 'r1' });
    await order.update('RefundPayment', { amount: 100, reason: 'sorry' });
    return await idle(order);
  },

  async 'reported delivered too early'(orders) {
    const order = await confirmed(orders);
    const fact = { shipmentId: 's1' };
    await order.current().signal<[FactMessage]>('ShipmentDelivered', messageOf(fact));
    await order.until((state) => state.order.facts?.length === 1);
    await fastForward(order, 25 * 60 * 60 * 1000);
    await order.until((state) => state.order.facts?.[0]?.unmatched === true);
    await shipAll(order);
    await order.until((state) => state.order.status === 'completed');
    return await idle(order);
  },

  async 'refused again and again'(orders) {
    const order = await confirmed(orders);
    for (let times = 0; times < 3; times += 1) await order.signal('ReleaseOrder', {});
    await order.update('AddNote', { text: 'checked' });
    await order.signal('ReleaseOrder', {});
    return await idle(order);
  },

  /**
   * After more than 500 commands, the journal is searched for a key that the order does not know.
   */
  async 'more commands than it remembers, continued as new'(orders) {
    const order = await confirmed(orders, { continueAsNewAfter: 560 });
    for (let note = 1; note <= 510; note += 1) await order.signal('AddNote', { text: `note ${note}` });
    await order.signal('AddNote', { text: 'asked about' });
    await idle(order);
    for (let note = 1; note <= 3; note += 1)
      await order.update('AddNote', { text: `note ${note}` }, { absentUpTo: 10_000 });
    return await idle(order);
  },

  /** The stored run has rules 1, under which the refund of B-1 was paid from the capture of A-1. */
  async 'unpaid goods refunded'(orders) {
    let captures = 0;
    orders.activities.on('capture', async ({ effect }) => {
      captures += 1;
      return captures === 2
        ? { type: 'declined', code: 'card_declined' }
        : { type: 'captured', captureId: `c-${effect?.key ?? ''}` };
    });
    const lines = ['A-1', 'B-1'].map((sku) => ({ sku, quantity: 1, unitPrice: 10_000 }));
    const { order } = await orders.start({ lines });
    await order.until((state) => state.order.status === 'confirmed' && state.unrecorded === 0);
    await order.update('CreateShipment', { lines: [{ sku: 'A-1', quantity: 1 }] });
    await dispatch(order, 's1');
    await order.update('CreateShipment', {});
    await dispatch(order, 's2');
    await order.update('WriteOffCapture', { reason: 'not worth it' });
    await deliver(order, 's1');
    await deliver(order, 's2');
    for (const [index, sku] of ['B-1', 'A-1'].entries()) {
      await order.update('RequestReturn', { lines: [{ sku, quantity: 1 }], reason: 'too bright' });
      await order.update('ReceiveReturn', { returnId: `r${index + 1}` });
      await idle(order);
    }
    return order;
  },

  'continued as new': continuedAsNew,

  /** Since `patched('marked-run')`: the stored runs of the path above are older. */
  'continued as new, marked': continuedAsNew,

  /**
   * Another run takes the order over from the journal, and judges the first run's messages again.
   */
  async resumed(orders) {
    const order = await confirmed(orders);
    await order.update('CreateShipment', {});
    await idle(order);
    const hold = { reason: 'fraud check' };
    const next = await resumed(orders, order, [
      { name: 'HoldOrder', message: messageOf(hold) },
      { name: 'HoldOrder', message: messageOf(hold) },
      { name: 'ReleaseOrder', message: messageOf({}) },
    ]);
    await next.until((state) => state.order.version === 9 && state.unrecorded === 0);
    await dispatch(next, 's1');
    await deliver(next, 's1');
    return await idle(next);
  },

  /** The order has more commands than a run hands to the next. */
  'continued as new after 510 commands': continuedAfterManyCommands,
};

async function continuedAfterManyCommands(orders: Orders): Promise<StartedOrder> {
  const order = await confirmed(orders, { continueAsNewAfter: 500 });
  const first = await order.runId();
  for (let sent = 0; sent < 510; sent += 30) {
    await Promise.all(Array.from({ length: 30 }, () => order.signal('AddNote', { text: 'n' })));
  }
  while ((await order.runId()) === first) await order.state();
  await order.update('AddNote', { text: 'and on' });
  return await idle(order);
}

async function continuedAsNew(orders: Orders): Promise<StartedOrder> {
  const order = await confirmed(orders, { continueAsNewAfter: 30 });
  for (let note = 1; note <= 6; note += 1) await order.update('AddNote', { text: `note ${note}` });
  return await idle(order);
}

async function started(orders: Orders, more = {}): Promise<StartedOrder> {
  return (await orders.start({}, more)).order;
}

async function idle(order: StartedOrder): Promise<StartedOrder> {
  await order.until((state) => state.order.owed.length === 0 && state.unrecorded === 0);
  return order;
}

async function ended(order: StartedOrder): Promise<StartedOrder> {
  await order.current().result();
  return order;
}

async function confirmed(orders: Orders, more = {}): Promise<StartedOrder> {
  const order = await started(orders, more);
  await order.until((state) => state.order.status === 'confirmed' && state.unrecorded === 0);
  return order;
}

async function pending(orders: Orders) {
  orders.activities.on('authorize', async () => ({ type: 'pending', authorizationId: 'a-1' }));
  const { order, orderId } = await orders.start();
  await order.until((state) => state.order.authorizations.length === 1 && state.unrecorded === 0);
  return { order, orderId };
}

async function dispatch(order: StartedOrder, shipmentId: string): Promise<StartedOrder> {
  await order.update('DispatchShipment', { shipmentId, carrier: 'DHL', trackingNumber: `1Z-${shipmentId}` });
  return await idle(order);
}

async function shipAll(order: StartedOrder): Promise<StartedOrder> {
  await order.update('CreateShipment', {});
  return await dispatch(order, 's1');
}

async function deliver(order: StartedOrder, shipmentId: string): Promise<StartedOrder> {
  await order.update('DeliverShipment', { shipmentId });
  return await idle(order);
}

async function captureDeclined(orders: Orders): Promise<StartedOrder> {
  let tries = 0;
  orders.activities.on('capture', async ({ effect }) => {
    tries += 1;
    return tries === 1
      ? { type: 'declined', code: 'card_declined' }
      : { type: 'captured', captureId: `c-${effect?.key ?? ''}` };
  });
  const order = await confirmed(orders);
  return await shipAll(order);
}
