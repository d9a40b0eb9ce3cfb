import type { IncomingHttpHeaders } from 'node:http';
import cors from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import { HttpProblem } from '../problem.js';
import type { Http } from '../http.js';

/** How long a browser may cache the answer to a preflight request, in seconds. */
const REMEMBERED_S = 600;
/** Headers of answers that a page of another origin may read. */
const exposed = [
  'ETag',
  'Location',
  'Retry-After',
  'Idempotency-Key',
  'Idempotent-Replayed',
  'Preference-Applied',
  'Projected',
  'Persons',
  'Link',
  'WWW-Authenticate',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'X-Correlation-Id',
  'Served-By',
  'Feed-Generation',
  'Feed-Common-Until',
];

/**
 * Allows pages of `origins` to use the API, and refuses requests of other pages that change
 * something. A browser sends the origin with each such request; other clients send none.
 */
export async function refuseOtherOrigins(app: Http, origins: readonly string[]): Promise<void> {
  if (origins.length > 0) {
    await app.register(cors, {
      origin: [...origins],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: exposed,
      maxAge: REMEMBERED_S,
      strictPreflight: false,
    });
  }
  const allowed = new Set(origins);
  app.addHook('onRequest', (request, _reply, done) => {
    if (isSafe(request.method) || isAllowed(request, allowed)) return done();
    return done(originNotAllowed(notInList));
  });
}

/** @param detail says what is refused, and from which origins it is accepted */
export function originNotAllowed(detail: string): HttpProblem {
  return new HttpProblem(403, 'origin_not_allowed', detail);
}

const notInList = 'A page of another origin sent this request. Its origin is not in CORS_ORIGINS.';

/** Methods that change nothing. */
export function isSafe(method: string | readonly string[]): boolean {
  return [method].flat().every((one) => one === 'GET' || one === 'HEAD' || one === 'OPTIONS');
}

function isAllowed({ headers }: FastifyRequest, allowed: ReadonlySet<string>): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin === undefined) return site === undefined || site === 'same-origin' || site === 'none';
  return allowed.has(origin) || isOwnPage(headers);
}

/**
 * Whether a browser says that a page of this origin has sent the request. No script can set
 * `Sec-Fetch-Site`, and it is right even after a proxy has changed `Host`.
 */
export function isOwnPage({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (site === 'same-origin') return true;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}
