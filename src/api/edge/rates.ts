import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import { HttpProblem, problem } from '../problem.js';
import type { Http } from '../server.js';

const MINUTE_MS = 60_000;
/** Callers that are counted at once; the one that was seen least recently is forgotten first. */
const MOST_CALLERS = 10_000;

/**
 * Refuses the requests of a caller beyond `perMinute` in one minute. A caller is a proven client or
 * user, else an address. Health and metrics are never refused. Each process counts for itself.
 */
export async function limitRates(app: Http, perMinute: number): Promise<void> {
  app.addHook('onRoute', (route) => {
    if (route.config?.work === 'none') route.config = { ...route.config, rateLimit: false };
    else if (route.schema !== undefined && route.schema.hide !== true)
      route.schema = { ...route.schema, response: { 429: problem(429), ...Object(route.schema.response) } };
  });
  await app.register(rateLimit, {
    // Runs after the guard of routes, which says who it is.
    hook: 'preParsing',
    max: perMinute,
    timeWindow: MINUTE_MS,
    cache: MOST_CALLERS,
    enableDraftSpec: true,
    keyGenerator: callerOf,
    errorResponseBuilder: () =>
      new HttpProblem(
        429,
        'rate_limited',
        `More than ${perMinute} requests in a minute. Nothing was started. Try again after the seconds of Retry-After.`,
      ),
  });
}

/** Only proven actors have these names; others may change theirs with each request. */
function callerOf({ principal, ip }: FastifyRequest): string {
  return /^(key|user):/.test(principal.actor) ? principal.actor : ip;
}
