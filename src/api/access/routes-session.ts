import type { FastifyReply } from 'fastify';
import type { Principal } from '../../access/principal.js';
import { Session } from '../schemas/session.js';
import { problemResponses } from '../problem.js';
import { closed, Credential } from '../schemas/values.js';
import type { Http } from '../http.js';
import { setCookie } from './session-cookie.js';

const LASTS_S = 12 * 60 * 60;
const tags = ['operations'];
/** The work counts as a read, so that signing out works under overload, too. */
const config = { access: 'open', work: 'read' } as const;

/**
 * Signs a page in with a cookie that scripts cannot read, so the page does not have to keep the
 * key. The cookie contains the key itself, so the session ends when the key is revoked or expires.
 */
export function registerSession(app: Http): void {
  sessionRoute(app);
  signInRoute(app);
  signOutRoute(app);
}

function sessionRoute(app: Http): void {
  app.get(
    '/v1/session',
    {
      config,
      schema: {
        summary: 'Who the caller is, and what it may do',
        tags,
        response: { 200: Session, ...problemResponses(400, 503) },
      },
    },
    async (request, reply) => await answer(app, reply, await app.whoIs(request)),
  );
}

function signInRoute(app: Http): void {
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
        response: { 200: Session, ...problemResponses(400, 401, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { key } = request.body;
      const principal = await app.signIn(request, key);
      if (app.isAuthenticating) setCookie(request, reply, key, LASTS_S);
      return await answer(app, reply, principal);
    },
  );
}

function signOutRoute(app: Http): void {
  app.delete(
    '/v1/session',
    {
      config,
      schema: {
        summary: 'Sign out',
        tags,
        response: { 204: { description: 'No Content', type: 'null' }, ...problemResponses(503) },
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
