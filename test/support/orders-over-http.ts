import { setTimeout } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { OrderView } from '../../src/order/view.js';
import type { Reply, Sent } from './api.js';
import { key, whenAtRest } from './headers.js';
import { assertNoPersons, rememberPersons } from './persons.js';
import { signed } from './signed.js';
import { webhookSecrets } from './system.js';
import { until } from './until.js';

type Headers = Readonly<Record<string, string>>;

/** The API over HTTP, as a client in another process uses it. */
export interface Api {
  get(path: string, headers?: Headers): Promise<Reply>;
  /** The body is `{}` by default. */
  post(path: string, sent?: Sent): Promise<Reply>;
  put(path: string, sent?: Sent): Promise<Reply>;
  /** Sends a signed webhook, as the payment provider or a carrier does. */
  webhook(from: 'payments' | 'carriers', type: string, data: object): Promise<Reply>;
  /** Creates an order and waits until it is at rest. */
  place(more?: object, headers?: Headers): Promise<PlacedOrder>;
  order(id: string): PlacedOrder;
}

/** An order, as its customer sees it over HTTP. */
export interface PlacedOrder {
  readonly id: string;
  /** Sends a command that must succeed, and waits until the order is at rest. */
  tell(command: string, body?: object, headers?: Headers): Promise<Reply>;
  view(): Promise<OrderView>;
  /** Waits until its view matches `wanted`. */
  becomes(wanted: object, seconds?: number): Promise<OrderView>;
  /** The types of its events, in order. */
  log(): Promise<readonly string[]>;
}

const PERSISTS_MS = 60_000;
const TRIES_AGAIN_MS = 250;
const address = { street: 'Way 1', city: 'Town', country: 'DE' };

/** The body of a create. */
export function orderBody(more: object = {}): object {
  return {
    customer: { id: 'c-1', name: 'Ada Example', email: 'ada@example.com' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999, name: 'Lamp' }],
    shippingAddress: address,
    payment: { method: 'tok_ok' },
    ...more,
  };
}

export function paidWith(method: string): object {
  return { payment: { method } };
}

/** The body of a dispatch. */
export const byDhl = { carrier: 'DHL', trackingNumber: '00340434161094042557' };

export function apiAt(base: string): Api {
  async function send(method: string, path: string, body: unknown, headers: Headers = {}): Promise<Reply> {
    rememberPersons(body);
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status >= 400) assertNoPersons(`${method} ${path}`, text);
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  /** Sends a command, and repeats it under its key while the answer is 503, as clients should. */
  async function persist(path: string, body: object, headers: Headers): Promise<Reply> {
    const sent = { ...key(), ...headers };
    const giveUpAt = Date.now() + PERSISTS_MS;
    for (;;) {
      const reply = await send('POST', path, body, sent);
      if (reply.status !== 503 || Date.now() > giveUpAt) return reply;
      await setTimeout(TRIES_AGAIN_MS);
    }
  }

  function order(id: string): PlacedOrder {
    const path = `/v1/orders/${id}`;
    const view = async () => (await succeeds(send('GET', path, undefined), 200)).body as OrderView;
    return {
      id,
      view,
      tell: (command, body = {}, headers = {}) =>
        succeeds(persist(`${path}/${command}`, body, { ...whenAtRest, ...headers }), 200),
      becomes: (wanted, seconds) =>
        until(async () => {
          const seen = await view();
          expect(seen).toMatchObject({ ...wanted });
          return seen;
        }, seconds),
      async log() {
        const { body } = await succeeds(send('GET', `${path}/events`, undefined), 200);
        return (body.data as { type: string }[]).map(({ type }) => type);
      },
    };
  }

  return {
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, { body = {}, headers } = {}) => send('POST', path, body, headers),
    put: (path, { body, headers } = {}) => send('PUT', path, body, headers),
    async webhook(from, type, data) {
      const body = JSON.stringify({ type, data });
      return await send('POST', `/v1/webhooks/${from}`, body, signed(webhookSecrets[from], body));
    },
    async place(more = {}, headers = {}) {
      const created = await succeeds(
        persist('/v1/orders', orderBody(more), { ...whenAtRest, ...headers }),
        201,
      );
      return order(String(created.body.orderId));
    },
    order,
  };
}

async function succeeds(reply: Promise<Reply>, status: number): Promise<Reply> {
  const { body, ...got } = await reply;
  expect({ status: got.status, body }).toEqual({ status, body: expect.anything() });
  return { ...got, body };
}
