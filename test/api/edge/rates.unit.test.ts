import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NotAuthenticated } from '../../../src/access/authentication-errors.js';
import { registerSession } from '../../../src/api/access/routes-session.js';
import type { Http } from '../../../src/api/http.js';
import { registerDocs } from '../../../src/api/reference/docs.js';
import { createHttp } from '../../../src/api/server.js';
import { createLogger } from '../../../src/server/logging/logger.js';

const PER_MINUTE = 3;
/**
 * The limit of an address that guesses keys is a hundredth of the limit of a client, and at least
 * 1.
 */
const FAILING_PER_MINUTE = 1;

let app: Http;

beforeAll(async () => {
  const edge = { hosts: [], origins: [], perMinute: PER_MINUTE };
  // The key is the client's name.
  const authenticate = async (authorization = '') => {
    if (authorization.startsWith('guess')) throw new NotAuthenticated('invalid_key', 'There is none.');
    const actor = `key:${authorization}`;
    return { actor, issuer: actor, scopes: new Set(['orders:read'] as const) };
  };
  app = await createHttp(createLogger('silent'), { edge, authenticate });
  await registerDocs(app);
  registerSession(app);
  app.get('/things', { config: { access: 'orders:read' }, schema: { summary: 'Things' } }, async () => ({}));
  app.get('/keys', { config: { access: 'admin' }, schema: { summary: 'Keys' } }, async () => ({}));
  app.get('/health', { config: { access: 'open', work: 'none' } }, async () => ({}));
  app.get('/open', { config: { access: 'open' } }, async () => ({}));
  await app.ready();
});
afterAll(() => app.close());

const get = (url: string, authorization: string, remoteAddress = '10.0.0.1') =>
  app.inject({ url, headers: { authorization }, remoteAddress });

describe('a client that sends more than its limit in a minute', () => {
  test('is refused with 429 and a Retry-After', async () => {
    for (let left = PER_MINUTE - 1; left >= 0; left -= 1) {
      const { statusCode, headers } = await get('/things', 'shop');
      expect({ statusCode, headers }).toMatchObject({
        statusCode: 200,
        headers: { 'ratelimit-limit': String(PER_MINUTE), 'ratelimit-remaining': String(left) },
      });
    }
    const refused = await get('/things', 'shop');
    expect(refused.statusCode).toBe(429);
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(refused.json()).toMatchObject({ code: 'rate_limited', status: 429 });
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(refused.headers).toMatchObject({ 'ratelimit-remaining': '0', 'ratelimit-reset': String(seconds) });
  });

  test('is recognized from any address, and no other client is refused because of it', async () => {
    expect((await get('/things', 'shop', '10.0.0.9')).statusCode).toBe(429);
    expect((await get('/things', 'warehouse')).statusCode).toBe(200);
  });

  test('can still read health', async () => {
    for (let n = 0; n < 3 * PER_MINUTE; n += 1)
      expect((await get('/health', 'shop')).headers).not.toHaveProperty('ratelimit-limit');
    expect((await get('/health', 'shop')).statusCode).toBe(200);
  });

  test('is an address if the request names no client', async () => {
    for (let n = 0; n < PER_MINUTE; n += 1) await get('/open', `x${n}`, '10.0.0.7');
    expect((await get('/open', 'y', '10.0.0.7')).statusCode).toBe(429);
    expect((await get('/open', 'y', '10.0.0.8')).statusCode).toBe(200);
  });
});

test('an address that guesses keys is refused with 429, but not a client with a key there', async () => {
  for (let n = 0; n < FAILING_PER_MINUTE; n += 1)
    expect((await get('/things', `guess-${n}`, '10.0.0.2')).statusCode).toBe(401);
  const refused = await get('/things', 'guess', '10.0.0.2');
  expect(refused.statusCode).toBe(429);
  expect(refused.json()).toMatchObject({ code: 'rate_limited' });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  const { statusCode, headers } = await get('/things', 'behind-nat', '10.0.0.2');
  expect({ statusCode, left: headers['ratelimit-remaining'] }).toEqual({
    statusCode: 200,
    left: String(PER_MINUTE - 1),
  });
  expect((await get('/things', 'guess', '10.0.0.3')).statusCode).toBe(401);
});

test('an address that guesses keys at the sign-in of the page is refused with 429', async () => {
  const ask = async (authorization: string) =>
    (await get('/v1/session', authorization, '10.0.0.4')).statusCode;
  expect([await ask('guess'), await ask('guess')]).toEqual([200, 429]);
});

test('requests without the needed scope count as the client’s other requests do', async () => {
  for (let n = 0; n < PER_MINUTE; n += 1) expect((await get('/keys', 'curious')).statusCode).toBe(403);
  expect((await get('/keys', 'curious')).statusCode).toBe(429);
  expect((await get('/things', 'curious')).statusCode).toBe(429);
});

test('OpenAPI has the answer 429', async () => {
  const { paths } = (await get('/openapi.json', '', '10.0.0.5')).json();
  expect(Object.keys(paths['/things'].get.responses)).toContain('429');
});
