import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import { hasCredentials } from '../../access/actors.js';
import { HttpProblem, problemResponses } from '../problem.js';
import type { Http } from '../http.js';

const MINUTE_MS = 60_000;
/**
 * Maximum number of callers that are counted. The one that was seen least recently is forgotten
 * first.
 */
const MAX_CALLERS = 10_000;

/** The limit of refused requests for an address is `perMinute` divided by this. */
const FAILING_ONE_IN = 100;

/**
 * Counts a request that is refused before `limitRates` counts it.
 *
 * @throws HttpProblem 429, if there were too many
 */
export type RefusalCounter = (request: FastifyRequest) => Promise<void>;

/**
 * Refuses the requests of a caller beyond `perMinute` in one minute. A caller is a proven client or
 * user, otherwise an address. Health and metrics are never refused. Each process counts for itself.
 *
 * @returns a function that counts a refused request. A refusal of a proven caller counts like any
 *   other request. Refusals of any other caller count by address, against a lower limit, so that
 *   guessed keys do not use up the requests of others at that address
 */
export async function limitRates(app: Http, perMinute: number): Promise<RefusalCounter> {
  app.addHook('onRoute', (route) => {
    if (route.config?.work === 'none') route.config = { ...route.config, rateLimit: false };
    else if (route.schema !== undefined && route.schema.hide !== true)
      route.schema = {
        ...route.schema,
        response: { ...problemResponses(429), ...Object(route.schema.response) },
      };
  });
  await app.register(rateLimit, {
    // Runs after the guard of routes, which determines the caller.
    hook: 'preParsing',
    max: perMinute,
    timeWindow: MINUTE_MS,
    cache: MAX_CALLERS,
    enableDraftSpec: true,
    keyGenerator: callerOf,
    errorResponseBuilder: () => tooMany(`More than ${perMinute} requests in a minute.`),
  });
  const failing = Math.ceil(perMinute / FAILING_ONE_IN);
  const countCaller = app.createRateLimit();
  const countFailing = app.createRateLimit({ max: failing, keyGenerator: ({ ip }) => ip });
  return async (request) => {
    const isProven = hasCredentials(request.principal.actor);
    const count = await (isProven ? countCaller : countFailing)(request);
    if (count.isAllowed || !count.isExceeded) return;
    const what = isProven ? `${perMinute} requests` : `${failing} requests without a valid key or token`;
    throw tooMany(`More than ${what} in a minute.`, { 'retry-after': String(count.ttlInSeconds) });
  };
}

function tooMany(what: string, headers: Readonly<Record<string, string>> = {}): HttpProblem {
  const detail = `${what} Nothing was started. Try again after the seconds of Retry-After.`;
  return new HttpProblem(429, 'rate_limited', detail, {}, headers);
}

function callerOf({ principal, ip }: FastifyRequest): string {
  return hasCredentials(principal.actor) ? principal.actor : ip;
}
