import type { FastifyRequest } from 'fastify';
import { isReserved } from '../../access/actors.js';
import type { Authenticate } from '../../access/authenticate.js';
import type { Principal } from '../../access/principal.js';
import { AccessUnavailable, NotAuthenticated } from '../../access/authentication-errors.js';
import { type Scope, scopes } from '../../access/scopes.js';
import { isOwnPage, isSafe, originNotAllowed } from '../edge/origins.js';
import { HttpProblem, refusedHeader } from '../problem.js';
import { isKey } from '../schemas/values.js';
import { refuseSystemName } from './on-behalf-of.js';
import { keyInCookie } from './session-cookie.js';

/** The principal of a request that is not identified yet. */
export const unidentified: Principal = { actor: 'anonymous', issuer: 'anonymous', scopes: new Set() };
const anonymous: Principal = { ...unidentified, scopes: new Set(scopes) };

/**
 * The principal that a request claims to be, with AUTH=off.
 *
 * @throws HttpProblem 400, if the name may not be claimed
 */
export function claimed({ headers }: FastifyRequest): Principal {
  const name = headers['x-actor'];
  // An invalid name counts as none: the schema of commands refuses it, and other routes do not use
  // the name.
  if (typeof name !== 'string' || !isKey(name)) return anonymous;
  if (isReserved(name)) {
    const detail = 'is a name that only the system gives: choose another';
    throw refusedHeader('x-actor', 'actor_reserved', detail);
  }
  return { actor: name, issuer: name, scopes: anonymous.scopes };
}

/**
 * The principal that the `Authorization` of a request proves, or otherwise its session cookie.
 *
 * @throws HttpProblem 401 or 503; 400 if the request has `X-Actor` as well; 403 if the principal
 *   comes from the cookie, and the request changes something but was not sent by a page of this
 *   origin
 */
export async function proven(request: FastifyRequest, authenticate: Authenticate): Promise<Principal> {
  const { headers, method } = request;
  const key = headers.authorization === undefined ? keyInCookie(request) : undefined;
  if (key !== undefined && !isSafe(method) && !isOwnPage(headers)) throw originNotAllowed(notOurPage);
  const principal = await principalBy(
    authenticate,
    key === undefined ? headers.authorization : `Bearer ${key}`,
  );
  if (headers['x-actor'] !== undefined) {
    const detail = 'is not accepted here, since the key or token says who you are: leave it out';
    throw refusedHeader('x-actor', 'actor_claimed', detail);
  }
  return principal;
}

const notOurPage = 'A request that changes something by a cookie must come from a page of this origin.';

/** @throws HttpProblem 401 or 503 */
export async function principalBy(
  authenticate: Authenticate,
  authorization: string | undefined,
): Promise<Principal> {
  try {
    return await authenticate(authorization);
  } catch (error) {
    if (error instanceof NotAuthenticated) throw unauthenticated(error);
    if (error instanceof AccessUnavailable) throw new HttpProblem(503, 'access_unavailable', error.message);
    throw error;
  }
}

/**
 * Adds the name in `On-Behalf-Of`. The name is not verified.
 *
 * @throws HttpProblem 403 without the scope `act-as`; 400 if the name is not allowed
 */
export function withOnBehalfOf({ headers }: FastifyRequest, principal: Principal): Principal {
  const name = headers['on-behalf-of'];
  if (name === undefined) return principal;
  if (!principal.scopes.has('act-as')) throw scopeMissing('act-as');
  if (typeof name !== 'string' || !isKey(name))
    throw refusedHeader('on-behalf-of', 'invalid_request', 'must be 1 to 200 visible ASCII characters');
  refuseSystemName(name);
  return { ...principal, onBehalfOf: name };
}

/** RFC 6750, 3.1: a request without credentials gets no error code in the challenge. */
function unauthenticated({ code, message }: NotAuthenticated): HttpProblem {
  const challenge = 'Bearer realm="orders"';
  const error = code === 'unauthenticated' ? '' : ', error="invalid_token"';
  return new HttpProblem(401, code, message, {}, { 'www-authenticate': `${challenge}${error}` });
}

export function scopeMissing(scope: Scope): HttpProblem {
  const challenge = `Bearer realm="orders", error="insufficient_scope", scope="${scope}"`;
  const detail = `This needs the scope ${scope}, which your key or token lacks.`;
  return new HttpProblem(403, 'scope_missing', detail, { scope }, { 'www-authenticate': challenge });
}
