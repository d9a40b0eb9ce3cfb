import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { refusedHeader } from '../problem.js';
import { isKey, versionIn } from '../schemas/values.js';
import type { Http } from '../http.js';
import type { CommandMeta } from '../../log/gateway/message.js';
import { traceIdOf } from './trace.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** the `Idempotency-Key`, or one made for this request */
    idempotencyKey: string;
  }
}

/**
 * Gives each request of this plugin its idempotency key, and repeats the key in the answer, also in
 * errors.
 */
export function keyRequests(app: Http): void {
  app.decorateRequest('idempotencyKey', '');
  app.addHook('onRequest', async (request, reply) => {
    const given = request.headers['idempotency-key'];
    // The route's schema refuses an invalid key; the answer must not repeat it.
    if (given !== undefined && !(typeof given === 'string' && isKey(given))) return;
    // The correlation id of a client may be on several requests, so it is not a key.
    request.idempotencyKey =
      given ?? (request.headers['x-correlation-id'] === undefined ? request.id : randomUUID());
    reply.header('idempotency-key', request.idempotencyKey);
  });
}

/** The metadata of a command, from its headers. The route's schema has checked them. */
export function metaOf(request: FastifyRequest): CommandMeta {
  const { actor, issuer, onBehalfOf } = request.principal;
  const expectedVersion = versionIn(header(request, 'if-match') ?? '*');
  const traceId = traceIdOf(header(request, 'traceparent'));
  return {
    issuer,
    key: request.idempotencyKey,
    fresh: header(request, 'idempotency-key') === undefined,
    actor,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    correlationId: request.id,
    ...(traceId === undefined ? {} : { traceId }),
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  };
}

function header({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The preferences of RFC 7240 that this API supports. */
export interface Preferences {
  readonly respondAsync: boolean;
  readonly waitSeconds?: number;
}

const MAX_WAIT_S = 30;

/**
 * Ignores unknown preferences, as RFC 7240 requires.
 *
 * @throws HttpProblem 400 if `wait` is not a whole number of seconds from 0 to `MAX_WAIT_S`
 */
export function preferencesOf(request: FastifyRequest): Preferences {
  const preferences = new Map(
    (header(request, 'prefer') ?? '').split(',').map((preference) => {
      const [name = '', value = ''] = (preference.split(';', 1)[0] ?? '').split('=', 2);
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')];
    }),
  );
  const respondAsync = preferences.has('respond-async');
  const wait = preferences.get('wait');
  if (wait === undefined) return { respondAsync };
  if (!/^\d{1,2}$/.test(wait) || Number(wait) > MAX_WAIT_S) {
    const detail = `wait must be a whole number of seconds from 0 to ${MAX_WAIT_S}`;
    throw refusedHeader('prefer', 'invalid_request', detail);
  }
  return { respondAsync, waitSeconds: Number(wait) };
}
