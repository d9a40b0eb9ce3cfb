import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticate } from '../../access/authenticate.js';
import type { Principal } from '../../access/principal.js';
import type { Scope } from '../../access/scopes.js';
import type { RefusalCounter } from '../edge/rates.js';
import type { Http } from '../http.js';
import { HttpProblem } from '../problem.js';
import { claimed, withOnBehalfOf, principalBy, proven, scopeMissing, unidentified } from './principals.js';
import { collectRouteAccess } from './route-access.js';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal;
  }
  interface FastifyInstance {
    /** false with AUTH=off */
    readonly isAuthenticating: boolean;
    /**
     * The principal of a request to an open route; undefined without valid credentials.
     *
     * @throws HttpProblem other than 401, such as 503 if credentials cannot be checked now
     */
    readonly whoIs: (request: FastifyRequest) => Promise<Principal | undefined>;
    /**
     * The principal that owns the key. With AUTH=off, the key is ignored, and the principal is the
     * one that the request claims to be.
     *
     * @throws HttpProblem 401, 503, or 429 after too many wrong keys; with AUTH=off, 400
     */
    readonly signIn: (request: FastifyRequest, key: string) => Promise<Principal>;
  }
}

interface GuardOptions {
  /**
   * how often the key of an open stream is checked again, so that the stream ends when the key is
   * revoked; every 5 s by default
   */
  readonly checkStreamsEveryMs?: number;
  readonly countRefused?: RefusalCounter;
}

/**
 * Lets a request through if its principal has the scope of its route. The guard runs after
 * admission, so that a refusal under overload is cheap, and before the body is read.
 *
 * @param authenticate absent with AUTH=off: then a caller has the name in `X-Actor`, and may do
 *   everything
 */
export function guardRoutes(
  app: Http,
  authenticate?: Authenticate,
  { checkStreamsEveryMs = 5_000, countRefused }: GuardOptions = {},
): void {
  collectRouteAccess(app);
  app.decorateRequest('principal');
  const identify = async (request: FastifyRequest) =>
    authenticate ? await proven(request, authenticate) : claimed(request);
  /** Counts a refusal before it is sent. */
  const counted = async <T>(request: FastifyRequest, check: () => Promise<T>): Promise<T> => {
    try {
      return await check();
    } catch (error) {
      if (error instanceof HttpProblem && isRefusal(error)) await countRefused?.(request);
      throw error;
    }
  };
  app.decorate('isAuthenticating', authenticate !== undefined);
  app.decorate('whoIs', async (request: FastifyRequest) => {
    try {
      return await identify(request);
    } catch (error) {
      if (!(error instanceof HttpProblem) || error.status !== 401) throw error;
      // Only wrong credentials count. A request without credentials is not an attempt to guess.
      if (error.code !== 'unauthenticated') await countRefused?.(request);
      return undefined;
    }
  });
  app.decorate('signIn', async (request: FastifyRequest, key: string) =>
    authenticate
      ? await counted(request, () => principalBy(authenticate, `Bearer ${key}`))
      : claimed(request),
  );
  app.addHook('preParsing', async (request, reply) => {
    if (request.is404) return;
    const { access, work } = request.routeOptions.config;
    if (access === undefined) throw new TypeError(`${request.routeOptions.url} has no access.`);
    request.principal = unidentified;
    if (access === 'open' || access === 'signed') return;
    const check = async () => {
      const principal = await identify(request);
      request.principal = principal;
      if (!principal.scopes.has(access)) throw scopeMissing(access);
      request.principal = withOnBehalfOf(request, principal);
    };
    await counted(request, check);
    if (authenticate && work === 'stream') endOnceRefused(reply, check, checkStreamsEveryMs);
  });
}

function isRefusal({ status }: HttpProblem): boolean {
  return status === 401 || status === 403;
}

/**
 * Refuses a request whose principal lacks `scope`. This is for requests that need `scope` in
 * addition to the scope of their route.
 *
 * @throws HttpProblem 403
 */
export function needScope({ principal }: Pick<FastifyRequest, 'principal'>, scope: Scope): void {
  if (!principal.scopes.has(scope)) throw scopeMissing(scope);
}

/**
 * Runs `check` every `everyMs` while a stream is open, and closes the connection if the client is
 * refused.
 */
function endOnceRefused({ raw }: FastifyReply, check: () => Promise<unknown>, everyMs: number): void {
  const timer = setInterval(() => {
    check().catch((error: unknown) => {
      // While keys cannot be checked, the stream stays open.
      if (error instanceof HttpProblem && error.status < 500) raw.destroy();
    });
  }, everyMs).unref();
  raw.once('close', () => clearInterval(timer));
}
