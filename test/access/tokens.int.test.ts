import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { createAuthenticate } from '../../src/access/authenticate.js';
import type { KnownKeys } from '../../src/access/known-keys.js';
import { NotAuthenticated } from '../../src/access/authentication-errors.js';
import { openTokens, type Tokens, type TokensOptions } from '../../src/access/tokens.js';
import { createHttp } from '../../src/api/server.js';
import { createLogger } from '../../src/server/logging/logger.js';
import { listen } from '../support/listen.js';

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

let server: Server;
let issuer: string;
/** What the issuer publishes now. */
let published: readonly JWK[] = [];
let isAway = false;
let asked = 0;
let first: Pair;
let second: Pair;
let first1: JWK;
let second2: JWK;

beforeAll(async () => {
  [first, second] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('ES256')]);
  first1 = { ...(await exportJWK(first.publicKey)), kid: '1', alg: 'RS256', use: 'sig' };
  second2 = { ...(await exportJWK(second.publicKey)), kid: '2', alg: 'ES256', use: 'sig' };
  server = createServer(({ url }, response) => {
    asked += 1;
    if (isAway) return void response.writeHead(503, { connection: 'close' }).end();
    const about = { issuer, jwks_uri: `${issuer}/keys` };
    const body = url === '/keys' ? { keys: published } : about;
    return void response.writeHead(200, { connection: 'close' }).end(JSON.stringify(body));
  });
  issuer = `http://127.0.0.1:${await listen(server)}`;
});
afterAll(() => void server.close());

function open(options: TokensOptions = {}): Tokens {
  [published, isAway] = [[first1], false];
  return openTokens({ issuer, audience: 'orders', scopesClaim: 'scope' }, options);
}

const claims = () =>
  new SignJWT({ scope: 'openid orders:read ops' })
    .setIssuer(issuer)
    .setAudience('orders')
    .setSubject('ada')
    .setExpirationTime('5m');
const byFirst = { alg: 'RS256', kid: '1' };
const bySecond = { alg: 'ES256', kid: '2' };
const valid = () => claims().setProtectedHeader(byFirst).sign(first.privateKey);

describe('a token', () => {
  test('says who the user is and what the user may do', async () => {
    expect(await open().check(await valid())).toEqual({
      actor: 'user:ada',
      issuer: 'user:ada',
      scopes: new Set(['orders:read', 'ops']),
    });
  });

  test('may list its scopes as an array, in the claim that the configuration names', async () => {
    open();
    const tokens = openTokens({ issuer, audience: 'orders', scopesClaim: 'roles' });
    const token = await new SignJWT({ roles: ['orders:write', 7] })
      .setIssuer(issuer)
      .setAudience(['other', 'orders'])
      .setSubject('a b')
      .setExpirationTime('5m')
      .setProtectedHeader(byFirst)
      .sign(first.privateKey);
    expect(await tokens.check(token)).toMatchObject({
      actor: 'user:a%20b',
      scopes: new Set(['orders:write']),
    });
  });

  test.each<[string, () => Promise<string>]>([
    [
      'of another audience',
      () => claims().setAudience('shop').setProtectedHeader(byFirst).sign(first.privateKey),
    ],
    [
      'of another issuer',
      () => claims().setIssuer('https://evil.example').setProtectedHeader(byFirst).sign(first.privateKey),
    ],
    [
      'that has expired',
      () => claims().setExpirationTime('-1m').setProtectedHeader(byFirst).sign(first.privateKey),
    ],
    [
      'that is not valid yet',
      () => claims().setNotBefore('1m').setProtectedHeader(byFirst).sign(first.privateKey),
    ],
    [
      'without an end',
      () =>
        new SignJWT({})
          .setIssuer(issuer)
          .setAudience('orders')
          .setSubject('ada')
          .setProtectedHeader(byFirst)
          .sign(first.privateKey),
    ],
    ['without a subject', () => claims().setSubject('').setProtectedHeader(byFirst).sign(first.privateKey)],
    [
      'signed with another key',
      () =>
        claims()
          .setProtectedHeader({ ...bySecond, kid: '1' })
          .sign(second.privateKey),
    ],
    [
      'with the algorithm none',
      async () =>
        new UnsecuredJWT({})
          .setIssuer(issuer)
          .setAudience('orders')
          .setSubject('a')
          .setExpirationTime('1m')
          .encode(),
    ],
    [
      'signed with the public key as a secret',
      async () =>
        claims()
          .setProtectedHeader({ alg: 'HS256', kid: '1' })
          .sign(new TextEncoder().encode(await exportSPKI(first.publicKey))),
    ],
    ['that is not a JWT', async () => 'nonsense'],
  ])('%s is refused', async (_, token) => {
    await expect(open().check(await token())).rejects.toMatchObject({ code: 'invalid_token' });
  });
});

test('over HTTP, a token is a bearer credential as a key is, and has its scopes', async () => {
  const keys: KnownKeys = { check: () => Promise.reject(new NotAuthenticated('invalid_key', 'no such key')) };
  const authenticate = createAuthenticate(keys, open());
  const app = await createHttp(createLogger('silent'), { authenticate });
  app.get('/read', { config: { access: 'orders:read' } }, async ({ principal }) => principal.actor);
  app.get('/write', { config: { access: 'orders:write' } }, async () => 'done');
  const get = async (url: string, token: string) => {
    const { statusCode, body } = await app.inject({ url, headers: { authorization: `Bearer ${token}` } });
    return { statusCode, body };
  };
  expect(await get('/read', await valid())).toEqual({ statusCode: 200, body: 'user:ada' });
  expect((await get('/write', await valid())).statusCode).toBe(403);
  expect((await get('/read', 'ordk_none')).body).toContain('invalid_key');
  expect((await get('/read', 'a.b.c')).body).toContain('invalid_token');
  isAway = true;
  const unknown = createAuthenticate(keys, openTokens({ issuer, audience: 'orders', scopesClaim: 'scope' }));
  await expect(unknown(`Bearer ${await valid()}`)).rejects.toMatchObject({ name: 'AccessUnavailable' });
  await app.close();
});

describe("the issuer's keys", () => {
  test('are fetched once, and again when a token names a new key', async () => {
    const tokens = open({ retryMs: 0 });
    const before = asked;
    await Promise.all([tokens.check(await valid()), tokens.check(await valid())]);
    expect(asked - before).toBe(2);
    published = [second2];
    expect(
      await tokens.check(await claims().setProtectedHeader(bySecond).sign(second.privateKey)),
    ).toMatchObject({
      actor: 'user:ada',
    });
    expect(asked - before).toBe(4);
    // The first key is withdrawn, so tokens that it has signed are refused.
    await expect(tokens.check(await valid())).rejects.toMatchObject({ code: 'invalid_token' });
  });

  test('stay in use while the issuer is away; a token with a new key gets no verdict', async () => {
    const tokens = open({ freshMs: 0, retryMs: 0 });
    await tokens.check(await valid());
    isAway = true;
    const token = await claims().setSubject('bob').setProtectedHeader(byFirst).sign(first.privateKey);
    expect(await tokens.check(token)).toMatchObject({ actor: 'user:bob' });
    const unknown = await claims().setProtectedHeader(bySecond).sign(second.privateKey);
    await expect(tokens.check(unknown)).rejects.toMatchObject({ name: 'AccessUnavailable' });
  });

  test('are not used forever while the issuer is away', async () => {
    const tokens = open({ keptMs: 0 });
    isAway = true;
    await expect(tokens.check(await valid())).rejects.toMatchObject({ name: 'AccessUnavailable' });
    // The issuer is not asked again at once.
    const before = asked;
    await expect(tokens.check(await valid())).rejects.toMatchObject({ name: 'AccessUnavailable' });
    expect(asked).toBe(before);
  });
});
