/*
 * A shop's service between the orders and a carrier. It books a label for each new shipment, and
 * dispatches the shipment. It is for shops that book labels outside of this system. With a module
 * for carriers (`CARRIERS`), orders book their labels themselves.
 *
 *     node examples/label-service.mjs [reader]
 *
 * The service follows the feed as a named reader. The API keeps the reader's position, so the
 * service needs no file. If it is killed, it continues after that position at its next start. It
 * may then handle an event twice, but with the same key, so there is still one label and one
 * dispatch. `ORDERS_KEY` is an API key.
 */
import { createHash } from 'node:crypto';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

const { ORDERS_URL: api = 'http://127.0.0.1:8080', ORDERS_KEY: apiKey } = process.env;
/** @type {Record<string, string>} */
const authorization = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
const reader = process.argv[2] ?? 'labels';
const AGAIN_MS = 1_000;

/** @typedef {{ orderId: string, data: { shipmentId: string } }} ShipmentCreated */
/** @typedef {{ data: ShipmentCreated[], generation: number, upTo: number, nextCursor?: string }} Page */

/**
 * Stands for a carrier that always gives the same answer to a key. Before a real carrier is asked
 * for a label, it should be asked whether it already has one for the key.
 *
 * @param {string} key
 */
async function book(key) {
  const number = createHash('sha256').update(key).digest('hex').slice(0, 12).toUpperCase();
  return { carrier: 'Example Post', trackingNumber: `EP${number}` };
}

/** @param {ShipmentCreated} event */
async function handle({ orderId, data: { shipmentId } }) {
  const key = `${orderId}:${shipmentId}`;
  const label = await book(key);
  for (;;) {
    const response = await fetch(`${api}/v1/orders/${orderId}/shipments/${shipmentId}/dispatch`, {
      method: 'POST',
      headers: { ...authorization, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(label),
    }).catch(() => undefined);
    // 409: the shipment is dispatched already, or its order is cancelled, held, or being amended. A
    // shipment that still waits is left to a person: `npx orders awaiting-dispatch` lists it.
    if (response !== undefined && (response.ok || response.status === 409)) {
      console.log(`${key} ${response.ok ? label.trackingNumber : 'is not dispatched'}`);
      return;
    }
    if (response !== undefined && isRefusal(response)) throw new Error(await response.text());
    // The dispatch may have taken effect, so it is sent again with the same key.
    await setTimeout(AGAIN_MS);
  }
}

/**
 * Whether a repetition would be refused, too, such as for a wrong key.
 *
 * @param {Response} response
 */
function isRefusal({ status }) {
  return status >= 400 && status < 500 && status !== 429;
}

/**
 * Tells the API that all events up to the checkpoint are handled. If this fails, the API delivers
 * these events again.
 *
 * @param {{ position: number, generation: number }} checkpoint
 */
async function keep(checkpoint) {
  const response = await fetch(`${api}/v1/readers/${reader}`, {
    method: 'PUT',
    headers: { ...authorization, 'content-type': 'application/json' },
    body: JSON.stringify(checkpoint),
  }).catch(() => undefined);
  return response?.ok === true;
}

let kept = 0;
for (;;) {
  const response = await fetch(`${api}/v1/events?reader=${reader}&types=ShipmentCreated`, {
    headers: authorization,
  }).catch(() => undefined);
  if (response !== undefined && isRefusal(response)) throw new Error(await response.text());
  if (response?.ok) {
    const { data, generation, upTo, nextCursor } = /** @type {Page} */ (await response.json());
    for (const event of data) await handle(event);
    if (upTo !== kept && (await keep({ position: upTo, generation }))) kept = upTo;
    if (nextCursor !== undefined && kept === upTo) continue;
  }
  await setTimeout(AGAIN_MS);
}
