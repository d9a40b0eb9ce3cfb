import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PositionedEvent } from '../../../src/log/feed/feed.js';
import { parkedEvents, toParked } from '../../../src/log/views/parked-events.js';
import { viewBuilds } from '../../../src/log/views/view-builds.js';
import { type BreakableServer, breakableTemporal } from '../../support/breakable-server.js';
import { whenAtRest } from '../../support/headers.js';
import { type Api, apiAt, byDhl } from '../../support/orders-over-http.js';
import { signed } from '../../support/signed.js';
import { createSystem, type System, webhookSecrets } from '../../support/system.js';
import { until } from '../../support/until.js';

let temporal: BreakableServer;
let system: System;
let api: Api;
let address: string;

beforeAll(async () => {
  // The examples have fixed ids, which other tests use in the shared Temporal.
  temporal = await breakableTemporal();
  system = createSystem({ temporal: temporal.address });
  ({ address } = await system.start('write,read,worker,feed'));
  api = apiAt(address);
}, 120_000);
afterAll(async () => {
  await system.end();
  await temporal.end();
}, 60_000);

test('the reference has a request for every operation, and all succeed in this order', async () => {
  const { paths } = await documentOf(address);
  const documented = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(walk.map(([name]) => name).toSorted()).toEqual(documented.toSorted());
  for (const [name, prepare] of walk) {
    const [method = '', path = ''] = name.split(' ');
    const operation = paths[path]?.[method.toLowerCase()];
    if (operation === undefined) throw new Error(`${name} is not documented`);
    const ids = (await prepare?.()) ?? {};
    const answer = await until(async () => {
      const answered = await request(method, path, operation, ids);
      // The view may lag and a rebuild may still run, so the request is repeated.
      if (!successesOf(operation).includes(answered.status))
        throw new Error(`${name} was answered ${answered.status}: ${JSON.stringify(answered.body)}`);
      return answered;
    });
    answers.set(name, answer.body);
  }
});

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly example?: string }[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly example: object } } };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** Prepares what an operation needs, and returns ids that replace those of the examples. */
type Prepare = () => Promise<Readonly<Record<string, string>>>;

const answers = new Map<string, unknown>();

/** Every operation, in a sequence in which they work, each with its preparation. */
const walk: readonly (readonly [name: string, prepare?: Prepare])[] = [
  ['PUT /v1/stock/{sku}'],
  ['POST /v1/orders'],
  ['POST /v1/orders/{orderId}/hold', exampleIs('confirmed')],
  ['POST /v1/orders/{orderId}/release'],
  ['POST /v1/orders/{orderId}/amend'],
  ['POST /v1/orders/{orderId}/notes'],
  ['POST /v1/orders/{orderId}/shipments'],
  ['POST /v1/orders/{orderId}/shipments/{shipmentId}/label'],
  ['POST /v1/orders/{orderId}/shipments/{shipmentId}/dispatch'],
  ['POST /v1/orders/{orderId}/shipments/{shipmentId}/deliver'],
  ['POST /v1/orders/{orderId}/cancel'],
  ['POST /v1/orders/{orderId}/returns', exampleIs('completed')],
  ['POST /v1/orders/{orderId}/returns/{returnId}/receive'],
  ['POST /v1/orders/{orderId}/refunds'],
  ['POST /v1/orders/{orderId}/capture', declinedCapture],
  ['POST /v1/orders/{orderId}/write-off', declinedCapture],
  ['POST /v1/orders/{orderId}/resume'],
  ['GET /v1/orders/{orderId}'],
  ['GET /v1/orders/{orderId}/events'],
  ['GET /v1/orders/{orderId}/diff'],
  ['GET /v1/orders/{orderId}/next'],
  ['GET /v1/orders/{orderId}/proof'],
  ['GET /v1/orders/{orderId}/stream'],
  ['GET /v1/orders'],
  ['GET /v1/order-counts'],
  ['GET /v1/events'],
  ['GET /v1/events/stream'],
  ['PUT /v1/readers/{reader}'],
  ['GET /v1/attention'],
  ['GET /v1/stock'],
  ['GET /v1/stock/{sku}'],
  ['GET /v1/stock/{sku}/movements'],
  ['GET /v1/customers/{customerId}'],
  ['GET /v1/customers/{customerId}/export'],
  ['GET /v1/stats'],
  ['GET /v1/products'],
  ['GET /v1/products/{sku}'],
  ['GET /v1/views/awaiting-dispatch'],
  ['POST /v1/webhooks/payments'],
  ['POST /v1/webhooks/carriers'],
  ['GET /v1/projections'],
  ['GET /v1/projections/{name}/parked'],
  ['POST /v1/projections/{name}/parked/{orderId}/retry', parked],
  ['POST /v1/projections/{name}/parked/{orderId}/skip', parked],
  ['POST /v1/projections/{name}/rebuild'],
  ['POST /v1/projections/{name}/rollback'],
  ['GET /v1/system'],
  ['POST /v1/session'],
  ['GET /v1/session'],
  ['DELETE /v1/session'],
  ['POST /v1/keys'],
  ['GET /v1/keys'],
  [
    'POST /v1/keys/{keyId}/revoke',
    async () => ({ keyId: (answers.get('POST /v1/keys') as { keyId: string }).keyId }),
  ],
  ['POST /v1/webhook-endpoints'],
  ['GET /v1/webhook-endpoints'],
  ['GET /v1/webhook-endpoints/{endpointId}', endpoint],
  ['PATCH /v1/webhook-endpoints/{endpointId}', endpoint],
  ['POST /v1/webhook-endpoints/{endpointId}/rotate-secret', endpoint],
  ['POST /v1/webhook-endpoints/{endpointId}/test', endpoint],
  ['POST /v1/webhook-endpoints/{endpointId}/replay', endpoint],
  ['GET /v1/webhook-endpoints/{endpointId}/deliveries', endpoint],
  ['POST /v1/webhook-endpoints/{endpointId}/deliveries/{eventId}/retry', endpoint],
  ['GET /v1/subscriptions'],
  ['DELETE /v1/webhook-endpoints/{endpointId}', endpoint],
  ['POST /v1/customers/{customerId}/forget'],
  ['GET /v1/customers/{customerId}/forget'],
  ['GET /metrics'],
  ['GET /health/live'],
  ['GET /health/ready'],
];

async function documentOf(base: string) {
  const response = await fetch(`${base}/openapi.json`);
  return (await response.json()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
}

function successesOf({ responses }: Operation): readonly number[] {
  return Object.keys(responses)
    .map(Number)
    .filter((status) => status < 300);
}

/**
 * Sends an operation's example, as the reference does at a click. If the answer is a stream, only
 * its head is read.
 */
async function request(
  method: string,
  path: string,
  { parameters = [], requestBody }: Operation,
  ids: Readonly<Record<string, string>>,
) {
  const examples = new Map(parameters.map(({ name, example }) => [name, example]));
  const url = path.replaceAll(/\{(\w+)\}/g, (_, id: string) => ids[id] ?? examples.get(id) ?? '');
  const body = requestBody && JSON.stringify(requestBody.content['application/json'].example);
  const from = path.split('/v1/webhooks/')[1] as keyof typeof webhookSecrets | undefined;
  const gone = new AbortController();
  const response = await fetch(`${address}${url}`, {
    method,
    headers: {
      ...whenAtRest,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(from !== undefined && body !== undefined && signed(webhookSecrets[from], body)),
    },
    signal: gone.signal,
    ...(body !== undefined && { body }),
  });
  const { status, headers } = response;
  const isStream = headers.get('content-type') === 'text/event-stream';
  const text = isStream ? '"a stream"' : await response.text();
  gone.abort();
  const isJson = headers.get('content-type')?.includes('json') === true || isStream;
  return { status, body: isJson ? (JSON.parse(text) as unknown) : text };
}

function exampleIs(status: string): Prepare {
  return async () => {
    await api.order('example').becomes({ status });
    return {};
  };
}

/** The endpoint that an earlier operation created. */
async function endpoint() {
  return answers.get('POST /v1/webhook-endpoints') as { endpointId: string };
}

/** An order whose capture was declined. */
async function declinedCapture() {
  const order = await api.place({ payment: { method: 'tok_capture_declined' } });
  const { body } = await order.tell('shipments');
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  await order.becomes({ held: true });
  return { orderId: order.id };
}

/** An order whose first event waits, as if the view had not been able to apply it. */
async function parked() {
  const { id: orderId } = await api.place();
  const view = 'customers';
  const event = await until(async () => {
    const found = await system.db.collection('order_events').findOne({ orderId, version: 1 });
    expect(found).toMatchObject({ position: expect.any(Number) });
    return found;
  });
  const state = await viewBuilds(system.db).findOneAndUpdate({ _id: view }, { $inc: { parked: 1 } });
  const { collection = '' } = state ?? {};
  const positioned = event as unknown as PositionedEvent;
  await parkedEvents(system.db).insertOne(
    toParked(view, collection, positioned, new Error('it was not mended')),
  );
  return { orderId };
}
