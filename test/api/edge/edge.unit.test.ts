import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Http } from '../../../src/api/http.js';
import { registerDocs } from '../../../src/api/reference/docs.js';
import { createHttp } from '../../../src/api/server.js';
import { createLogger } from '../../../src/server/logging/logger.js';

const OWN = 'orders.example:8080';
const PARTNER = 'https://partner.example';
const EVIL = 'https://evil.example';

let app: Http;
let rebuilds = 0;

async function appFor(origins: readonly string[]): Promise<Http> {
  const edge = { hosts: ['orders.example'], origins };
  const made = await createHttp(createLogger('silent'), { edge });
  await registerDocs(made);
  const config = { access: 'open' } as const;
  made.get('/things', { config, schema: { summary: 'Things' } }, async () => ({ data: [] }));
  made.post('/rebuild', { config, schema: { summary: 'Rebuild' } }, async () => ({ rebuilds: ++rebuilds }));
  await made.ready();
  return made;
}

beforeAll(async () => {
  app = await appFor([PARTNER]);
});
afterAll(() => app.close());

type Headers = Readonly<Record<string, string>>;
const get = (headers: Headers, url = '/things') => app.inject({ url, headers });
const post = (headers: Headers) =>
  app.inject({ method: 'POST', url: '/rebuild', headers: { host: OWN, ...headers } });

describe('a host name', () => {
  test.each([
    'localhost',
    'localhost:8080',
    'LocalHost',
    '127.0.0.1:8080',
    '[::1]:8080',
    '10.2.3.4:8080',
    OWN,
    'Orders.Example',
  ])(
    'such as %s is accepted: this machine, an address that a health check uses, or a configured name',
    async (host) => {
      expect((await get({ host })).statusCode).toBe(200);
    },
  );

  test.each(['evil.example', 'orders.example.evil.example', '127.0.0.1.evil.example', 'x@localhost', 'a b'])(
    'such as "%s" is refused with 421, also for health and pages',
    async (host) => {
      for (const url of ['/things', '/docs/', '/openapi.json', '/nothing']) {
        const reply = await get({ host }, url);
        expect(reply.statusCode).toBe(421);
        expect(reply.json()).toMatchObject({ code: 'host_not_allowed', status: 421 });
      }
    },
  );
});

describe('a request that changes something', () => {
  test.each([
    ['names no origin', {}],
    ['is of our own page', { origin: `http://${OWN}`, 'sec-fetch-site': 'same-origin' }],
    ['is of our own page behind TLS', { origin: `https://${OWN}` }],
    [
      'is of our own page behind a proxy that changes Host',
      { origin: EVIL, 'sec-fetch-site': 'same-origin' },
    ],
    ['is of an origin that may use the API', { origin: PARTNER, 'sec-fetch-site': 'cross-site' }],
  ])('is accepted if it %s', async (_what, headers) => {
    const before = rebuilds;
    expect((await post(headers)).statusCode).toBe(200);
    expect(rebuilds).toBe(before + 1);
  });

  test.each([
    ['another origin', { origin: EVIL }],
    ['another port of this host', { origin: 'https://orders.example' }],
    ['a page without an origin', { origin: 'null' }],
    ['no readable origin', { origin: 'evil' }],
    ['another site, by the browser', { 'sec-fetch-site': 'cross-site' }],
    ['a sister host, by the browser', { 'sec-fetch-site': 'same-site' }],
  ])('is refused with 403 if it is of %s, and changes nothing', async (_what, headers) => {
    const before = rebuilds;
    const reply = await post(headers);
    expect(reply.statusCode).toBe(403);
    expect(reply.json()).toMatchObject({ code: 'origin_not_allowed' });
    expect(rebuilds).toBe(before);
  });
});

describe('a page of another origin', () => {
  const preflight = (origin: string) =>
    app.inject({
      method: 'OPTIONS',
      url: '/rebuild',
      headers: { host: OWN, origin, 'access-control-request-method': 'POST' },
    });

  test('may use the API if CORS_ORIGINS lists its origin, and can read errors too', async () => {
    const { statusCode, headers } = await preflight(PARTNER);
    expect(statusCode).toBe(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': PARTNER,
      'access-control-allow-methods': expect.stringContaining('POST'),
    });
    for (const url of ['/things', '/nothing']) {
      const reply = await get({ host: OWN, origin: PARTNER }, url);
      expect(reply.headers['access-control-allow-origin']).toBe(PARTNER);
      expect(reply.headers['access-control-expose-headers']).toContain('ETag');
    }
  });

  test('can read every header that a route sets', async () => {
    const reply = await get({ host: OWN, origin: PARTNER });
    const exposed = String(reply.headers['access-control-expose-headers']).toLowerCase().split(', ');
    const sources = readdirSync('src/api', { encoding: 'utf8', recursive: true }).filter((file) =>
      file.endsWith('.ts'),
    );
    const set = sources.flatMap((file) =>
      [...readFileSync(join('src/api', file), 'utf8').matchAll(/\.header\(\s*'([^']+)'/g)].map(
        ([, name]) => name,
      ),
    );
    expect(set).toContain('projected');
    // Browsers show `cache-control` to any page and `set-cookie` to none; `accept-encoding` says
    // what a body may be, which a page does not choose.
    const others = new Set(['cache-control', 'set-cookie', 'accept-encoding']);
    expect(set.filter((name) => name !== undefined && !others.has(name) && !exposed.includes(name))).toEqual(
      [],
    );
  });

  test('can read nothing if CORS_ORIGINS does not list it', async () => {
    expect((await preflight(EVIL)).headers).not.toHaveProperty('access-control-allow-origin');
    expect((await get({ host: OWN, origin: EVIL })).headers).not.toHaveProperty(
      'access-control-allow-origin',
    );
  });

  test('may not use the API by default, whatever its origin', async () => {
    const none = await appFor([]);
    const url = '/things';
    const reply = await none.inject({ url, headers: { host: OWN, origin: PARTNER } });
    expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect((await none.inject({ method: 'OPTIONS', url, headers: { host: OWN } })).statusCode).toBe(405);
    await none.close();
  });
});

test('an unknown path is 404, although a preflight request is answered for every path', async () => {
  expect((await get({}, '/nothing')).statusCode).toBe(404);
});

describe('the headers', () => {
  test.each(['/things', '/nothing', '/openapi.json'])('of %s let a browser run nothing', async (url) => {
    expect((await get({}, url)).headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
  });

  test('of the reference allow scripts of this origin, and nothing inline', async () => {
    const { headers, body } = await get({}, '/docs/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(body).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
    const scripts = [...body.matchAll(/<script src="([^"]+)"/g)].map(([, path = '']) => path);
    expect(scripts).toHaveLength(3);
    for (const path of scripts) expect((await get({}, `/docs/${path}`)).statusCode).toBe(200);
    expect(policy).toContain(/data-style-nonce="(\w+)"/.exec(body)?.[1]);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
  });
});

test('OpenAPI has the answers of the edge', async () => {
  const { paths } = (await get({}, '/openapi.json')).json();
  expect(Object.keys(paths['/things'].get.responses)).toEqual(expect.arrayContaining(['421', '431']));
  expect(Object.keys(paths['/rebuild'].post.responses)).toEqual(expect.arrayContaining(['403', '421']));
});
