import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { workflowId, orderLog } from '../../../src/order-log.js';
import { placedOrder, recordedEvent, startTestApi, type TestApi } from '../../support/api.js';
import { signed } from '../../support/signed.js';
import { deliver } from '../../support/webhooks.js';

/** Two secrets, as during a rotation. */
const carriersSecrets = [1, 2].map((byte) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`);

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ CARRIERS_WEBHOOK_SECRET: carriersSecrets.join(',') });
  await api.startWorker();
});
afterAll(async () => {
  await api.close();
});

async function typesOf(orderId: string): Promise<string[]> {
  return (await readJournal(orderLog, api.mongo.db, orderId)).map((event) => event.type);
}

describe('the payments webhook', () => {
  async function pendingOrder() {
    const orderId = await placedOrder(api, { payment: { method: 'tok_pending' } });
    const pending = await recordedEvent(api, orderId, 'PaymentPending');
    const { authorizationId } = pending.data as { authorizationId: string };
    return { orderId, data: { orderId, authorizationId, reference: pending.causationId } };
  }

  test('settles a pending payment, once', async () => {
    const { orderId, data } = await pendingOrder();
    const message = { type: 'payment.authorized', timestamp: new Date().toISOString(), data };
    const id = randomUUID();
    expect(await deliver(api, 'payments', message, { id })).toMatchObject({ status: 202 });
    expect(await deliver(api, 'payments', message, { id })).toMatchObject({ status: 202 });
    await recordedEvent(api, orderId, 'OrderConfirmed');
    const types = await typesOf(orderId);
    expect(types.filter((type) => type === 'PaymentAuthorized')).toHaveLength(1);
    expect(types).not.toContain('CommandRejected');
  });

  test('settles a payment that is captured later, though the sandbox heard of it in no other way', async () => {
    const { orderId, data } = await pendingOrder();
    await deliver(api, 'payments', { type: 'payment.authorized', data });
    await recordedEvent(api, orderId, 'OrderConfirmed');
    const { body } = await api.post(`/v1/orders/${orderId}/shipments`);
    const dispatch = `/v1/orders/${orderId}/shipments/${String(body.shipmentId)}/dispatch`;
    await api.post(dispatch, { body: { carrier: 'DHL', trackingNumber: 'T-1' } });
    await recordedEvent(api, orderId, 'PaymentCaptured');
    expect(await typesOf(orderId)).not.toContain('CaptureDeclined');
  });

  test('declines a pending payment', async () => {
    const { orderId, data } = await pendingOrder();
    const message = { type: 'payment.declined', data: { ...data, code: 'insufficient_funds' } };
    expect(await deliver(api, 'payments', message)).toMatchObject({ status: 202 });
    expect((await recordedEvent(api, orderId, 'PaymentDeclined')).data).toMatchObject({
      code: 'insufficient_funds',
    });
  });

  test('asks for another delivery later while the order’s workflow has ended early', async () => {
    const { orderId, data } = await pendingOrder();
    const message = { type: 'payment.authorized', data };
    const id = randomUUID();
    await api.client.workflow.getHandle(workflowId(orderId)).terminate();
    const early = await deliver(api, 'payments', message, { id });
    expect(early).toMatchObject({ status: 503, body: { code: 'workflow_ended' } });
    expect(await api.post(`/v1/orders/${orderId}/resume`, { body: {} })).toMatchObject({ status: 200 });
    expect(await deliver(api, 'payments', message, { id })).toMatchObject({ status: 202 });
    await recordedEvent(api, orderId, 'OrderConfirmed');
  });

  test('acknowledges an event that it does not know', async () => {
    const data = { orderId: 'o', reference: 'r', authorizationId: 'a' };
    expect(await deliver(api, 'payments', { type: 'payment.disputed', data })).toMatchObject({ status: 202 });
  });

  test.each(['payment.disputed', 'toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'acknowledges %s, whatever else the body has',
    async (type) => {
      for (const data of [undefined, null, 7, ['x'], { orderId: 'a/b' }, { orderId: randomUUID() }]) {
        expect(await deliver(api, 'payments', { type, data })).toMatchObject({ status: 202, body: {} });
        expect(await deliver(api, 'carriers', { type, data })).toMatchObject({ status: 202, body: {} });
      }
    },
  );

  test('reads a body with a byte order mark, and refuses a signed body that is not UTF-8', async () => {
    const message = JSON.stringify({ type: 'payment.disputed' });
    expect(await deliver(api, 'payments', `\uFEFF${message}`)).toMatchObject({ status: 202 });
    const reply = await api.app.inject({
      method: 'POST',
      url: '/v1/webhooks/payments',
      headers: signed(api.config.secrets.paymentsWebhook[0], '{"type":"\uFFFD"}'),
      payload: Buffer.from('{"type":"\u00e9"}', 'latin1'),
    });
    expect(reply.json()).toMatchObject({ status: 400, code: 'invalid_utf8' });
  });

  test('answers that an unknown order is unknown', async () => {
    const data = { orderId: randomUUID(), reference: 'r', authorizationId: 'a' };
    expect(await deliver(api, 'payments', { type: 'payment.authorized', data })).toMatchObject({
      status: 404,
    });
  });

  test.each(['{"type":', 'null', '{"type":"payment.authorized","data":{"orderId":"a/b"}}'])(
    'refuses a signed body that is wrong: %s',
    async (body) => {
      expect(await deliver(api, 'payments', body)).toMatchObject({ status: 400 });
    },
  );
});

describe('the carriers webhook', () => {
  test('dispatches and delivers a shipment', async () => {
    const orderId = await placedOrder(api);
    const { body } = await api.post(`/v1/orders/${orderId}/shipments`);
    const shipment = { orderId, shipmentId: String(body.shipmentId) };
    const dispatched = { ...shipment, carrier: 'DHL', trackingNumber: 'T-1' };
    await deliver(api, 'carriers', { type: 'shipment.dispatched', data: dispatched });
    expect(await recordedEvent(api, orderId, 'ShipmentDispatched')).toMatchObject({ actor: 'carriers' });
    await deliver(api, 'carriers', { type: 'shipment.delivered', data: shipment });
    await recordedEvent(api, orderId, 'OrderCompleted');
  });

  test('acknowledges an event that comes too late', async () => {
    const orderId = await placedOrder(api, { payment: { method: 'tok_declined' } });
    await api.client.workflow.getHandle(workflowId(orderId)).result();
    const data = { orderId, shipmentId: 's1' };
    expect(await deliver(api, 'carriers', { type: 'shipment.delivered', data })).toMatchObject({
      status: 202,
    });
  });

  test('needs a carrier and a tracking number for a dispatch', async () => {
    const data = { orderId: 'o', shipmentId: 's1' };
    const reply = await deliver(api, 'carriers', { type: 'shipment.dispatched', data });
    expect(reply).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/data/carrier' }, { pointer: '/data/trackingNumber' }] },
    });
  });

  test('accepts a signature by each secret of the list', async () => {
    const message = { type: 'shipment.in_transit' };
    for (const secret of carriersSecrets)
      expect(await deliver(api, 'carriers', message, { secret })).toMatchObject({ status: 202 });
  });

  test('acknowledges and ignores other tracking events', async () => {
    const data = { orderId: randomUUID(), shipmentId: 's1', place: 'Leipzig' };
    expect(await deliver(api, 'carriers', { type: 'shipment.in_transit', data })).toMatchObject({
      status: 202,
    });
  });
});

describe('a webhook is refused with 401', () => {
  const data = { orderId: 'o', shipmentId: 's1' };
  const message = { type: 'shipment.delivered', data };
  const unauthorized = { status: 401, body: { code: 'invalid_signature' } };

  test('without a signature', async () => {
    expect(await api.post('/v1/webhooks/carriers', { body: message })).toMatchObject(unauthorized);
    expect(await api.post('/v1/webhooks/carriers')).toMatchObject(unauthorized);
  });

  test('with the signature of another sender', async () => {
    const [secret] = api.config.secrets.paymentsWebhook;
    expect(await deliver(api, 'carriers', message, { secret })).toMatchObject(unauthorized);
  });

  test('with a signature that is older than five minutes', async () => {
    const at = new Date(Date.now() - 6 * 60_000);
    expect(await deliver(api, 'carriers', message, { at })).toMatchObject(unauthorized);
  });

  test.each(['v1', 'v1,', 'v1,AAAA', 'nonsense', ''])('with a signature such as "%s"', async (signature) => {
    const reply = await api.send('POST', '/v1/webhooks/carriers', JSON.stringify(message), {
      'content-type': 'application/json',
      'webhook-id': 'w-1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': signature,
    });
    expect(reply).toMatchObject(unauthorized);
  });

  test('with a body that was changed on its way', async () => {
    const [secret] = api.config.secrets.carriersWebhook;
    const altered = JSON.stringify({ ...message, more: 1 });
    const headers = signed(secret, JSON.stringify(message));
    const reply = await api.send('POST', '/v1/webhooks/carriers', altered, headers);
    expect(reply).toMatchObject(unauthorized);
  });
});
