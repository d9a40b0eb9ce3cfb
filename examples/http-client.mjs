/*
 * Takes one order through its life over HTTP: create, ship, dispatch, read, and send a command
 * twice.
 *
 *     node examples/http-client.mjs
 *
 * `ORDERS_URL` is the address of the API, and `ORDERS_KEY` an API key. The program uses plain
 * `fetch` and no packages.
 */
import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

const { ORDERS_URL: api = 'http://127.0.0.1:8080', ORDERS_KEY: apiKey } = process.env;
/**
 * The header that says who sends a command: the owner of the key, or without a key, the name that
 * the client gives.
 *
 * @type {Record<string, string>}
 */
const sender = apiKey === undefined ? { 'x-actor': 'http-example' } : { authorization: `Bearer ${apiKey}` };
const TRIES = 5;

/** @typedef {{ orderId: string, version: number, status: string, shipmentId?: string }} Answer */
/** @typedef {{ version: number, status: string, captured: number, allowedCommands: string[] }} Order */

/**
 * Sends a command, and again with the same `Idempotency-Key` while its outcome is unknown. The key
 * makes that safe: the command takes effect at most once, and every answer to the key repeats the
 * first answer.
 *
 * @param {string} path
 * @param {object} body
 * @param {string} key
 * @returns {Promise<{ answer: Answer, replayed: boolean }>}
 */
async function command(path, body, key) {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(`${api}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': key,
        ...sender,
        // The API answers when the order has nothing left to do by itself, or after 10 s.
        prefer: 'wait=10',
      },
      body: JSON.stringify(body),
    }).catch(() => undefined);
    if (response?.ok) {
      const answer = /** @type {Answer} */ (await response.json());
      return { answer, replayed: response.headers.has('idempotent-replayed') };
    }
    // No answer, too many requests, or an outage: the command may or may not have taken effect.
    const isUnknown = response === undefined || response.status === 429 || response.status === 503;
    if (!isUnknown || tries === TRIES) {
      // RFC 9457: `code` is for programs, `detail` is for people.
      const problem = /** @type {{ code: string, detail: string } | undefined} */ (
        await response?.json().catch(() => undefined)
      );
      throw new Error(`${path}: ${problem ? `${problem.code}: ${problem.detail}` : 'no answer'}`);
    }
    await setTimeout(Number(response?.headers.get('retry-after') ?? 1) * 1_000);
  }
}

/**
 * Reads an order as it was after a command, or later. With `minVersion`, a client reads its own
 * writes.
 *
 * @param {Answer} written
 * @returns {Promise<Order>}
 */
async function read({ orderId, version }) {
  const response = await fetch(`${api}/v1/orders/${orderId}?minVersion=${version}`, {
    headers: sender,
  });
  if (!response.ok) throw new Error(`The order is answered ${response.status}.`);
  return /** @type {Order} */ (await response.json());
}

const newOrder = {
  customer: { id: 'c-1', name: 'Ada Example' },
  currency: 'EUR',
  // Amounts are in minor units: 19.99 EUR.
  lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
  payment: { method: 'tok_ok' },
};
const createKey = randomUUID();
const { answer: created } = await command('/v1/orders', newOrder, createKey);
const order = `/v1/orders/${created.orderId}`;
console.log(`created ${created.orderId}`);

const { answer: shipped } = await command(`${order}/shipments`, {}, randomUUID());
console.log(`shipment ${shipped.shipmentId} at version ${shipped.version}`);

const parcel = { carrier: 'DHL', trackingNumber: '00340434' };
const dispatchPath = `${order}/shipments/${shipped.shipmentId}/dispatch`;
const dispatchKey = randomUUID();
const { answer: dispatched } = await command(dispatchPath, parcel, dispatchKey);
console.log(`dispatched at version ${dispatched.version}`);

const view = await read(dispatched);
console.log(`${view.status}, captured ${view.captured}, allowed now: ${view.allowedCommands.join(', ')}`);

const again = await command(dispatchPath, parcel, dispatchKey);
console.log(`same key, same answer: version ${again.answer.version}, replayed ${again.replayed}`);
const same = await command('/v1/orders', newOrder, createKey);
console.log(`same order: ${same.answer.orderId === created.orderId}, replayed ${same.replayed}`);
