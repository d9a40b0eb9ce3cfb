import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { addKey } from '../../src/access/api-keys.js';
import { orderCard } from '../../src/api/page/card.js';
import { pagePaths } from '../../src/api/page/paths.js';
import type { OrderView } from '../../src/order/view.js';
import { orderBody, startTestApi, type TestApi } from '../support/api.js';

let api: TestApi;
let guarded: TestApi;

beforeAll(async () => {
  [api, guarded] = await Promise.all([startTestApi(), startTestApi({ AUTH: 'on' })]);
});
afterAll(async () => {
  await Promise.all([api.close(), guarded.close()]);
});

const html = { 'content-type': expect.stringContaining('text/html') };

test('each path of the page serves the page, and other paths do not', async () => {
  const paths = pagePaths.map((path) => path.replaceAll(/:\w+/g, 'x-1'));
  for (const path of [...paths, '/orders?status=pending'])
    expect(await api.get(path)).toMatchObject({ status: 200, headers: html });
  expect(await api.get('/orders/o-1/x')).toMatchObject({ status: 404, body: { code: 'unknown_path' } });
  expect((await api.get('/docs/')).status).toBe(200);
});

test('everything comes from this origin, and nothing inline runs', async () => {
  // The headers are computed for the first answer, and reused.
  for (const path of ['/orders/o-1?v=1', '/orders/o-2', '/system']) {
    const { headers } = await api.get(path);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/unsafe|nonce/);
    expect(headers).toMatchObject({ 'x-frame-options': 'SAMEORIGIN', 'referrer-policy': 'no-referrer' });
  }
  const [one, other] = [await api.get('/docs/'), await api.get('/docs/')].map(({ headers }) =>
    String(headers['content-security-policy']),
  );
  expect(one).toContain("'nonce-");
  expect(one).not.toBe(other);
});

test('files are cached for good and compressed, and none outside their folder is served', async () => {
  const { body } = await api.get('/');
  const [, script = ''] = /src="(\/assets\/[^"]+\.js)"/.exec(String(body)) ?? [];
  expect(await api.get(script, { 'accept-encoding': 'gzip' })).toMatchObject({
    status: 200,
    headers: {
      'content-type': expect.stringContaining('javascript'),
      'content-encoding': 'gzip',
      'cache-control': expect.stringContaining('immutable'),
    },
  });
  for (const name of ['nothing.js', '', '%00', '..%2findex.html', '..%2f..%2fpackage.json'])
    expect(await api.get(`/assets/${name}`)).toMatchObject({ status: 404, body: { code: 'unknown_path' } });
});

test('an order can be read without JavaScript', async () => {
  const { body } = await api.post('/v1/orders', { body: orderBody({ id: 'card-1' }) });
  expect(body.orderId).toBe('card-1');
  const page = String((await api.get('/orders/card-1')).body);
  expect(page).toMatch(/<noscript>[^]*Order card-1[^]*Ada Example \(c-1\)[^]*EUR 39\.98[^]*<\/noscript>/);
  const none = await api.get('/orders/nothing');
  expect(none.status).toBe(200);
  expect(String(none.body)).not.toContain('class="card"');
});

test('the page without JavaScript takes no place in the limit while its order is read', async () => {
  const narrow = await startTestApi({}, { bounds: { read: { most: 1, waiting: 0, waitMs: 0 } } });
  try {
    await narrow.post('/v1/orders', { body: orderBody({ id: 'card-3' }) });
    expect(String((await narrow.get('/orders/card-3')).body)).toContain('Order card-3');
  } finally {
    await narrow.close();
  }
});

test('text from users is escaped in the page without JavaScript', () => {
  const order = { orderId: '<b>', lines: [], customer: { id: 'c', name: '<img src=x onerror="alert(1)">' } };
  const card = orderCard({
    ...order,
    currency: 'EUR',
    total: 0,
    captured: 0,
    refunded: 0,
  } as unknown as OrderView);
  expect(card).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;');
  expect(card).not.toMatch(/<img|<b>/);
});

test('an order is in the page only for clients that may read it', async () => {
  const { key } = await addKey(guarded.mongo.db, { client: 'shop', scopes: ['orders:write', 'orders:read'] });
  const bearer = { authorization: `Bearer ${key}` };
  await guarded.post('/v1/orders', { body: orderBody({ id: 'card-2' }), headers: bearer });
  expect((await guarded.get('/v1/orders/card-2', bearer)).status).toBe(200);
  const page = await guarded.get('/orders/card-2');
  expect(page.status).toBe(200);
  expect(String(page.body)).not.toContain('card-2');
  const signedIn = await guarded.get('/orders/card-2', { cookie: `orders_session=${key}` });
  expect(String(signedIn.body)).toContain('Order card-2');
});

test('a cached card is shown to each client as it may read the order', async () => {
  const keys = await Promise.all(
    ([['orders:read'], ['orders:read', 'persons:read']] as const).map((scopes, index) =>
      addKey(guarded.mongo.db, { client: `reader-${index}`, scopes }),
    ),
  );
  const { key } = await addKey(guarded.mongo.db, { client: 'writer', scopes: ['orders:write'] });
  const headers = { authorization: `Bearer ${key}` };
  await guarded.post('/v1/orders', { body: orderBody({ id: 'card-4' }), headers });
  const cards = async () =>
    await Promise.all(
      keys.map(async (one) =>
        String((await guarded.get('/orders/card-4', { cookie: `orders_session=${one.key}` })).body),
      ),
    );
  for (const [sealed, open] of [await cards(), await cards()]) {
    expect(sealed).toContain('Order card-4');
    expect(sealed).not.toContain('Ada Example');
    expect(open).toContain('Ada Example');
  }
});
