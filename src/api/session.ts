import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Principal } from '../access/principal.js';
import { scopes } from '../access/scopes.js';
import { problem } from './problem.js';
import { closed, Credential } from './schemas.js';
import type { Http } from './server.js';

const Session = closed({
  authentication: Type.Enum(['on', 'off'], { description: 'off: everybody may do everything' }),
  actor: Type.Optional(Type.String({ description: 'who the caller is; absent if nobody is signed in' })),
  scopes: Type.Array(Type.Enum([...scopes]), { description: 'what the caller may do' }),
});

const COOKIE = 'orders_session';
const LASTS_S = 12 * 60 * 60;
const tags = ['operations'];
const config = { access: 'open' } as const;

/**
 * Signs a page in by a cookie that scripts cannot read, so that it need not keep the key. The cookie
 * has the key itself: it ends when the key is revoked or expires.
 */
export function registerSession(app: Http): void {
  app.get(
    '/v1/session',
    {
      config,
      schema: {
        summary: 'Who the caller is, and what it may do',
        tags,
        response: { 200: Session, 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => await answer(app, reply, await app.whoIs(request)),
  );

  app.post(
    '/v1/session',
    {
      config,
      schema: {
        summary: 'Sign in by a cookie',
        description:
          'For a page of this origin: the cookie is `HttpOnly` and `SameSite=Strict`, lasts 12 hours, and authenticates as the key does. A request that changes something by it must name its origin. `Authorization` comes first.',
        tags,
        body: closed({ key: Credential }),
        response: {
          200: Session,
          400: problem(400),
          401: problem(401),
          413: problem(413),
          415: problem(415),
          503: problem(503),
        },
      },
    },
    async (request, reply) => {
      const { key } = request.body;
      const principal = await app.signIn(request, key);
      if (app.isAuthenticating) setCookie(request, reply, key, LASTS_S);
      return await answer(app, reply, principal);
    },
  );

  app.delete(
    '/v1/session',
    {
      config,
      schema: {
        summary: 'Sign out',
        tags,
        response: { 204: { description: 'No Content', type: 'null' }, 503: problem(503) },
      },
    },
    async (request, reply) => {
      setCookie(request, reply, '', 0);
      return await reply.code(204).send(null);
    },
  );
}

async function answer(app: Http, reply: FastifyReply, principal: Principal | undefined) {
  return await reply.header('cache-control', 'no-store').send({
    authentication: app.isAuthenticating ? ('on' as const) : ('off' as const),
    ...(principal && { actor: principal.actor }),
    scopes: [...(principal?.scopes ?? [])],
  });
}

/** Only by https if the page came by https, also through a proxy. */
function setCookie({ headers }: FastifyRequest, reply: FastifyReply, key: string, seconds: number): void {
  const isSecure = headers.origin?.startsWith('https:') === true || headers['x-forwarded-proto'] === 'https';
  const secure = isSecure ? '; Secure' : '';
  reply.header(
    'set-cookie',
    `${COOKIE}=${key}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`,
  );
}

/** The key in the cookie of a request; undefined if it has none. */
export function keyInCookie({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  return cookiePattern.exec(headers.cookie ?? '')?.[1];
}

const cookiePattern = new RegExp(`(?:^|;) *${COOKIE}=([^;, "]+)`);
