import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addKey, revokeKey } from '../../../src/access/api-keys.js';
import { type Scope, scopes } from '../../../src/access/scopes.js';
import { derivedId } from '../../../src/log/gateway/derived-ids.js';
import { createHttp } from '../../../src/api/server.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { orderBody, type Reply, startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

let api: TestApi;
let all: string;
/** For each scope, a key with all scopes except that one. */
const allBut = new Map<Scope, string>();

beforeAll(async () => {
  api = await startTestApi({ AUTH: 'on' }, { checkStreamsEveryMs: 50 });
  const keyFor = async (given: readonly Scope[]) =>
    (await addKey(api.mongo.db, { client: 'shop', scopes: given })).key;
  all = await keyFor(scopes);
  for (const lacking of scopes)
    allBut.set(lacking, await keyFor(scopes.filter((scope) => scope !== lacking)));
});
afterAll(() => api.close());

const bearer = (key = all) => ({ authorization: `Bearer ${key}` });

describe('the table of routes', () => {
  test('every route needs a scope, with a few listed exceptions', () => {
    const open = api.app.routeAccess.filter(({ access }) => access === 'open' || access === 'signed');
    const urls = [...new Set(open.map(({ url, access }) => `${access} ${url}`))].toSorted();
    expect(urls).toEqual([
      'open /',
      'open /assets/*',
      'open /asyncapi.json',
      'open /attention',
      'open /customers/:customerId',
      'open /docs',
      'open /docs/',
      'open /docs/js/nonce.js',
      'open /docs/js/scalar.js',
      'open /docs/js/start.js',
      'open /docs/problems',
      'open /docs/problems/',
      'open /docs/problems/:code',
      'open /docs/problems/style.css',
      'open /health/live',
      'open /health/ready',
      'open /openapi.json',
      'open /orders',
      'open /orders/:orderId',
      'open /stock',
      'open /system',
      'open /v1/session',
      'open /webhooks',
      'signed /v1/webhooks/carriers',
      'signed /v1/webhooks/payments',
    ]);
    expect(api.app.routeAccess.length).toBeGreaterThan(60);
  });

  test('operations, keys, personal data and stock each need a scope of their own', () => {
    const others: readonly string[] = ['ops', 'admin', 'persons:read', 'persons:erase', 'stock:write'];
    const listed = api.app.routeAccess
      .filter(({ access, method }) => others.includes(access) && method !== 'HEAD')
      .map(({ method, url, access }) => `${access} ${method} ${url}`);
    expect(listed.toSorted()).toEqual([
      'admin GET /v1/keys',
      'admin POST /v1/keys',
      'admin POST /v1/keys/:keyId/revoke',
      'ops GET /metrics',
      'ops GET /v1/projections',
      'ops GET /v1/projections/:name/parked',
      'ops GET /v1/system',
      'ops POST /v1/orders/:orderId/resume',
      'ops POST /v1/projections/:name/parked/:orderId/retry',
      'ops POST /v1/projections/:name/parked/:orderId/skip',
      'ops POST /v1/projections/:name/rebuild',
      'ops POST /v1/projections/:name/rollback',
      'persons:erase GET /v1/customers/:customerId/forget',
      'persons:erase POST /v1/customers/:customerId/forget',
      'persons:read GET /v1/customers/:customerId/export',
      'stock:write PUT /v1/stock/:sku',
    ]);
  });

  test('each route answers 401 without a key, 403 without its scope, and neither with both', async () => {
    for (const { method, url, access } of api.app.routeAccess) {
      if (access === 'open' || access === 'signed') continue;
      // No route has this query parameter, so the request is refused when its schema is checked.
      const path = `${url.replaceAll(/:\w+/g, 'x')}?unknown=1`;
      const status = async (headers: Readonly<Record<string, string>>) => {
        const response = await api.app.inject({ method: method as 'GET', url: path, headers });
        return { route: `${method} ${url}`, status: response.statusCode, body: response.body };
      };
      const route = `${method} ${url}`;
      expect(await status({})).toMatchObject({ route, status: 401 });
      const refused = await status(bearer(allBut.get(access)));
      expect(refused).toMatchObject({ route, status: 403 });
      if (method !== 'HEAD')
        expect(JSON.parse(refused.body)).toMatchObject({ code: 'scope_missing', scope: access });
      expect(await status(bearer())).toMatchObject({ route, status: 400 });
    }
  });

  test('OpenAPI lists the scope of each route and the answers that refuse', async () => {
    const { paths } = (await api.get('/openapi.json')).body;
    for (const { method, url, access } of api.app.routeAccess) {
      const operation = paths[url.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
      if (operation === undefined || access === 'signed') continue;
      if (access === 'open') expect(operation).toMatchObject({ security: [] });
      else
        expect(operation).toMatchObject({
          'x-scope': access,
          security: [{ bearer: [access] }],
          responses: { 401: expect.anything(), 403: expect.anything() },
        });
    }
  });

  test('an application with a route that declares no scope does not start', async () => {
    const app = await createHttp(createLogger('silent'));
    app.get('/forgotten', async () => ({}));
    await expect(app.ready()).rejects.toThrow('/forgotten must say who may use it');
  });
});

test.each(['282663026d', '99999999h', '0', 'soon'])('a key cannot expire in %s', async (expires) => {
  const refused = await api.post('/v1/keys', {
    body: { client: 'pos', scopes: ['orders:read'], expires },
    headers: bearer(),
  });
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: '/expires' }] } });
});

test('a client is given a key over HTTP, which works until it is revoked', async () => {
  const body = { client: 'pos', scopes: ['orders:read'], expires: '1h' };
  const made = await api.post('/v1/keys', { body, headers: bearer() });
  expect(made).toMatchObject({ status: 201, body: { client: 'pos', status: 'active' } });
  expect(made.headers['cache-control']).toBe('no-store');
  const { key, keyId } = made.body;
  expect((await api.get('/v1/stock', bearer(key))).status).toBe(200);
  const listed = await api.get('/v1/keys', bearer());
  expect(listed.body.data).toContainEqual(expect.objectContaining({ keyId, scopes: ['orders:read'] }));
  expect(JSON.stringify(listed.body)).not.toContain(key);
  const revoked = await api.post(`/v1/keys/${keyId}/revoke`, { headers: bearer() });
  expect(revoked).toMatchObject({ status: 200, body: { status: 'revoked' } });
  await until(async () => expect((await api.get('/v1/stock', bearer(key))).status).toBe(401));
  expect((await api.post('/v1/keys/none/revoke', { headers: bearer() })).status).toBe(404);
  expect((await api.post('/v1/keys', { body: { ...body, scopes: [] }, headers: bearer() })).status).toBe(400);
});

test('a stream ends when its key is revoked', async () => {
  const { key, keyId } = await addKey(api.mongo.db, { client: 'reader', scopes: ['events:read'] });
  const address = await api.app.listen({ host: '127.0.0.1', port: 0 });
  const stream = await fetch(`${address}/v1/events/stream`, { headers: bearer(key) });
  expect(stream.status).toBe(200);
  await revokeKey(api.mongo.db, keyId);
  await expect(stream.text()).rejects.toThrow();
});

describe('a page with a session', () => {
  const own = { host: 'localhost:8080', origin: 'http://localhost:8080' };
  const signIn = async (key: string, headers: Readonly<Record<string, string>> = own) =>
    await api.post('/v1/session', { body: { key }, headers });
  const cookieOf = (reply: Reply) => String(reply.headers['set-cookie']);
  const notesOf = (orderId: string) => `/v1/orders/${orderId}/notes`;

  test('has a cookie that authenticates as its key does, until it signs out', async () => {
    expect(await api.get('/v1/session')).toMatchObject({
      status: 200,
      body: { authentication: 'on', scopes: [] },
    });
    const signedIn = await signIn(all);
    expect(signedIn).toMatchObject({
      status: 200,
      body: { authentication: 'on', actor: 'key:shop', scopes: [...scopes] },
    });
    expect(cookieOf(signedIn)).toBe(
      `orders_session=${all}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict`,
    );
    const cookie = { cookie: `theme=dark; orders_session=${all}` };
    expect((await api.get('/v1/session', cookie)).body).toEqual(signedIn.body);
    expect((await api.get('/v1/stock', cookie)).status).toBe(200);
    const created = await api.post('/v1/orders', { body: orderBody(), headers: { ...own, ...cookie } });
    expect(created.status).toBe(201);
    const signedOut = await api.send('DELETE', '/v1/session', undefined, own);
    expect(signedOut.status).toBe(204);
    expect(cookieOf(signedOut)).toMatch(/^orders_session=; Path=\/; Max-Age=0;/);
  });

  test('changes nothing by the cookie unless a page of this origin sends the request', async () => {
    const cookie = { host: own.host, cookie: `orders_session=${all}` };
    const write = async (headers: Readonly<Record<string, string>>) =>
      await api.post(notesOf('x'), { body: { text: 'a' }, headers: { ...cookie, ...headers } });
    const refused = { status: 403, body: { code: 'origin_not_allowed' } };
    expect(await write({})).toMatchObject(refused);
    expect(await write({ origin: 'http://localhost:9090' })).toMatchObject(refused);
    expect(await write({ 'sec-fetch-site': 'none' })).toMatchObject(refused);
    expect((await write({ 'sec-fetch-site': 'same-origin' })).status).toBe(404);
    // The request comes through a proxy that changes Host.
    const proxied = { origin: 'http://shop.example', 'sec-fetch-site': 'same-origin' };
    expect((await write(proxied)).status).toBe(404);
    expect(await write({ ...proxied, 'sec-fetch-site': 'same-site' })).toMatchObject(refused);
    // A request with a key in the header needs no origin.
    expect((await write({ ...bearer() })).status).toBe(404);
  });

  test('gets a Secure cookie over https, no cookie for a wrong key, and fewer scopes if it asks', async () => {
    const secure = await signIn(all, { host: 'localhost', origin: 'https://localhost' });
    expect(cookieOf(secure)).toMatch(/^__Host-orders_session=.*; Path=\/;.*; Secure$/);
    // Another host of the domain can only set a cookie without the prefix `__Host-`.
    const tossed = `orders_session=ordk_no; __Host-orders_session=${all}`;
    expect((await api.get('/v1/stock', { cookie: tossed })).status).toBe(200);
    const plain = { cookie: `orders_session=${all}`, 'x-forwarded-proto': 'https' };
    expect((await api.get('/v1/stock', plain)).status).toBe(401);
    const wrong = await signIn('ordk_no');
    expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_key' } });
    expect(wrong.headers).not.toHaveProperty('set-cookie');
    expect(await signIn('a b')).toMatchObject({ status: 400, body: { errors: [{ pointer: '/key' }] } });
    const cookie = { cookie: `orders_session=${allBut.get('orders:read')}` };
    expect(await api.get('/v1/stock', cookie)).toMatchObject({ status: 403, body: { scope: 'orders:read' } });
    const revoked = { cookie: 'orders_session=ordk_no' };
    expect(await api.get('/v1/stock', revoked)).toMatchObject({ status: 401 });
    expect((await api.get('/v1/session', revoked)).body).toEqual({ authentication: 'on', scopes: [] });
  });
});

describe('a refusal', () => {
  test('says how to authenticate', async () => {
    const none = await api.get('/v1/orders');
    expect(none).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(none.headers['www-authenticate']).toBe('Bearer realm="orders"');
    expect(none.body.detail).toContain('Authorization: Bearer');
    const wrong = await api.get('/v1/orders', bearer(`ordk_${'0'.repeat(16)}_${'A'.repeat(43)}`));
    expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_key' } });
    expect(wrong.headers['www-authenticate']).toBe('Bearer realm="orders", error="invalid_token"');
    expect(await api.get('/v1/orders', { authorization: 'Basic YTpi' })).toMatchObject({ status: 401 });
  });

  test('comes after 404 and 405, and before the body is read', async () => {
    expect(await api.get('/v1/nothing')).toMatchObject({ status: 404 });
    expect(await api.send('DELETE', '/v1/orders')).toMatchObject({ status: 405 });
    const json = { 'content-type': 'application/json' };
    expect(await api.send('POST', '/v1/orders', 'no json', json)).toMatchObject({ status: 401 });
    expect(await api.send('POST', '/v1/orders', 'no json', { ...json, ...bearer() })).toMatchObject({
      status: 400,
    });
  });
});

describe('the actor', () => {
  test('is the client, whichever of its keys it uses: a command’s key stays known', async () => {
    const headers = { 'idempotency-key': 'k-1' };
    const body = orderBody();
    const first = await api.post('/v1/orders', { body, headers: { ...headers, ...bearer() } });
    expect(first.status).toBe(201);
    const again = await api.post('/v1/orders', {
      body,
      headers: { ...headers, ...bearer(allBut.get('ops')) },
    });
    expect(again).toMatchObject({ status: 201, body: { orderId: first.body.orderId } });
    expect(again.headers['idempotent-replayed']).toBe('true');
  });

  test('with the scope act-as may act for another user, which the log records and no id contains', async () => {
    const body = orderBody();
    const send = (more: Readonly<Record<string, string>>, key = all) =>
      api.post('/v1/orders', { body, headers: { 'idempotency-key': 'k-2', ...bearer(key), ...more } });
    const first = await send({ 'on-behalf-of': 'user:ada' });
    expect(first.status).toBe(201);
    expect(await send({ 'on-behalf-of': 'bob' })).toMatchObject({ body: first.body });
    await api.startWorker();
    const path = `/v1/orders/${first.body.orderId}`;
    const noted = await api.post(`${path}/notes`, {
      body: { text: 'rings twice' },
      headers: { ...bearer(), 'on-behalf-of': 'bob' },
    });
    expect(noted.status).toBe(200);
    for (const source of ['history', 'journal'])
      await until(async () => {
        const { body: log } = await api.get(`${path}/events?source=${source}`, bearer());
        const told = log.data.filter(({ onBehalfOf }: { onBehalfOf?: string }) => onBehalfOf !== undefined);
        expect(told).toMatchObject([
          { type: 'OrderCreated', actor: 'key:shop', onBehalfOf: 'user:ada', commandId: 'key:shop k-2' },
          { type: 'NoteAdded', actor: 'key:shop', onBehalfOf: 'bob' },
        ]);
      });
    expect(await send({ 'on-behalf-of': 'bob' }, allBut.get('act-as'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing', scope: 'act-as' },
    });
    expect(await send({ 'on-behalf-of': 'payments' })).toMatchObject({
      status: 400,
      body: { code: 'actor_reserved', errors: [{ pointer: '/on-behalf-of', in: 'header' }] },
    });
    expect(await send({ 'on-behalf-of': 'a b' })).toMatchObject({ status: 400 });
  });

  test("has order ids of its own: no client can take the id that another client's key leads to", async () => {
    const other = await addKey(api.mongo.db, { client: 'rival', scopes: ['orders:write'] });
    const id = derivedId('key:shop', 'k-3');
    const taken = await api.post('/v1/orders', { body: orderBody({ id }), headers: bearer(other.key) });
    expect(taken).toMatchObject({ status: 422, body: { code: 'id_reserved', errors: [{ pointer: '/id' }] } });
    const headers = { 'idempotency-key': 'k-3', ...bearer() };
    expect(await api.post('/v1/orders', { body: orderBody(), headers })).toMatchObject({
      status: 201,
      body: { orderId: id },
    });
  });

  test('is not read from X-Actor', async () => {
    const reply = await api.get('/v1/orders', { ...bearer(), 'x-actor': 'ada' });
    expect(reply).toMatchObject({
      status: 400,
      body: { code: 'actor_claimed', errors: [{ pointer: '/x-actor', in: 'header' }] },
    });
  });

  test('with AUTH=off is a claim, except for the names that only the system gives', async () => {
    const open = await startTestApi();
    try {
      const session = await open.post('/v1/session', { body: { key: 'any' } });
      expect(session).toMatchObject({ status: 200, body: { authentication: 'off', actor: 'anonymous' } });
      expect(session.headers).not.toHaveProperty('set-cookie');
      expect(await open.get('/v1/stock', { 'x-actor': 'ada', 'on-behalf-of': 'user:bob' })).toMatchObject({
        status: 200,
      });
      for (const name of ['payments', 'clock', 'key:shop', 'user:ada', 'temporal:ada'])
        expect(await open.get('/v1/stock', { 'x-actor': name })).toMatchObject({
          status: 400,
          body: { code: 'actor_reserved', errors: [{ pointer: '/x-actor' }] },
        });
    } finally {
      await open.close();
    }
  });
});
