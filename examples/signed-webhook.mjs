/*
 * Plays a carrier: sends signed webhooks that say that a shipment has left and has arrived.
 *
 *     node examples/signed-webhook.mjs [orderId shipmentId]
 *
 * Without arguments it first makes an order with a shipment. `CARRIERS_WEBHOOK_SECRET` is the
 * secret that the carrier and the API share, and `ORDERS_KEY` an API key for the order. Webhooks of
 * the payment provider work in the same way, with the path `/v1/webhooks/payments` and a secret of
 * their own.
 */
import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { Webhook } from 'standardwebhooks';

const { ORDERS_URL: api = 'http://127.0.0.1:8080', ORDERS_KEY: apiKey } = process.env;
/** @type {Record<string, string>} */
const authorization = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
// The secret of the sandbox, which the API takes on a loopback interface only.
const sandboxSecret = `whsec_${Buffer.from('sandbox-carriers-webhook-secret').toString('base64')}`;
const secret = process.env['CARRIERS_WEBHOOK_SECRET'] ?? sandboxSecret;

/**
 * Sends a message. Each try has the same id, so a message that arrives again changes nothing.
 *
 * @param {{ type: string, data: object }} message
 * @param {string} id
 * @param {string} [key] the secret
 * @returns {Promise<number>} the status: 202 once the message is durable
 */
async function deliver(message, id, key = secret) {
  const now = new Date();
  const body = JSON.stringify(message);
  const response = await fetch(`${api}/v1/webhooks/carriers`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      // The signature covers the exact bytes of the body.
      'webhook-signature': new Webhook(key).sign(id, now, body),
    },
    body,
  });
  return response.status;
}

/**
 * @param {string} path
 * @param {object} body
 * @returns {Promise<{ orderId: string, shipmentId: string }>}
 */
async function command(path, body) {
  const response = await fetch(`${api}${path}`, {
    method: 'POST',
    headers: { ...authorization, 'content-type': 'application/json', prefer: 'wait=10' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return /** @type {{ orderId: string, shipmentId: string }} */ (await response.json());
}

async function shippedOrder() {
  const { orderId } = await command('/v1/orders', {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
    payment: { method: 'tok_ok' },
  });
  return await command(`/v1/orders/${orderId}/shipments`, {});
}

const [, , givenOrder, givenShipment] = process.argv;
const { orderId, shipmentId } =
  givenOrder !== undefined && givenShipment !== undefined
    ? { orderId: givenOrder, shipmentId: givenShipment }
    : await shippedOrder();

const parcel = { orderId, shipmentId, carrier: 'DHL', trackingNumber: '00340434' };
const dispatched = { type: 'shipment.dispatched', data: parcel };
const delivered = { type: 'shipment.delivered', data: { orderId, shipmentId } };

console.log(`dispatched: ${await deliver(dispatched, randomUUID())}`);
const id = randomUUID();
console.log(`delivered: ${await deliver(delivered, id)}`);
console.log(`the same message again: ${await deliver(delivered, id)}`);
const another = `whsec_${Buffer.from('a secret that is not the carrier').toString('base64')}`;
console.log(`with another secret: ${await deliver(delivered, randomUUID(), another)}`);
console.log(`see ${api}/v1/orders/${orderId}/events`);
