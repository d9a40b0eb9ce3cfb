import { expect, test } from '@jest/globals';
import { addressOf } from '../connections/serving.js';
import { runWithoutTemporal } from '../without-temporal.js';

/** Runs a script with an API that answers `body`, and returns what it requested, too. */
async function withAnswer(line: string, body: unknown) {
  const requested: { url: string; headers: object }[] = [];
  const ORDERS_URL = await addressOf(({ url = '', headers }, response) => {
    requested.push({ url, headers });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  });
  return { ...(await runWithoutTemporal(line, { ORDERS_URL })), requested };
}

const parked = { orderId: 'o-1', version: 2, type: 'X', position: 7, status: 'parked', at: '' };

test('parked events have further pages', async () => {
  const line = 'parked list customers --limit 1 --cursor 3';
  const { out, requested } = await withAnswer(line, { data: [parked], nextCursor: '7' });
  expect(requested).toMatchObject([{ url: '/v1/projections/customers/parked?limit=1&after=3' }]);
  expect(out).toMatch(/\n\nthere are more: --cursor 7$/);
});

const delivery = { at: '2026-01-31T12:00:00.000Z', eventId: 'o-1:1', type: 'X', isDelivered: true, ms: 1 };

test.each([
  ['', 50, true],
  ['', 49, false],
  [' --limit 2', 2, true],
  [' --limit 2', 1, false],
])('deliveries%s: of %i, a full list says where to continue: %s', async (option, count, isFull) => {
  const data = Array.from({ length: count }, () => delivery);
  const { out } = await withAnswer(`webhooks deliveries e-1${option}`, { data });
  expect(out.endsWith(`\nearlier ones, if there are any: --before ${delivery.at}`)).toBe(isFull);
});

test('a count of the stock has a key and an actor', async () => {
  const item = { sku: 'A-1', onHand: 7, reserved: 0 };
  const named = await withAnswer('stock set A-1 7 --key k-1 --actor ada', item);
  expect(named.requested).toMatchObject([{ headers: { 'idempotency-key': 'k-1', 'x-actor': 'ada' } }]);
  const unnamed = await withAnswer('stock set A-1 7', item);
  expect(unnamed.requested).toMatchObject([
    {
      headers: {
        'idempotency-key': expect.stringMatching(/.{36}/),
        'x-actor': expect.stringMatching(/^cli:/),
      },
    },
  ]);
});
