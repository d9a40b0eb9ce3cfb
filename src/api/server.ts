import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyInstance, LogController, type RawServerDefault } from 'fastify';
import { type Admission, createAdmission } from './admission.js';
import { admitRequests } from './admit.js';
import { acceptOnlyJson } from './body.js';
import { HttpProblem, Problem, sendProblem } from './problem.js';
import { isKey } from './schemas.js';
import { answerUnreadable } from './unreadable.js';
import { NoQuery, validatorCompiler } from './validation.js';
import type { Logger } from '../server/logger.js';

export type Http = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  Logger,
  TypeBoxTypeProvider
>;

const BODY_LIMIT = 1024 * 1024;
/** How often requests that take too long to arrive are looked for; Node's own 30 s would add to the limit. */
const LOOK_FOR_LATE_MS = 1_000;
/** What requests under way have to end when the application closes. */
const CLOSE_WITHIN_MS = 1_500;
/** Longer than any id that is valid, so that an id too long is refused as such, and not as an unknown path. */
const PATH_PART_LIMIT = 2_000;

/** What an application takes on, and how long it puts up with a connection. */
export interface HttpLimits {
  readonly admission?: Admission;
  /** how long a request may take to arrive, whole: then it is answered 408; 15 s by default */
  readonly arrivesWithinMs?: number;
  /**
   * A connection on which nothing moves for that long is cut, such as that of a client that does not read its answer or its
   * stream; 45 s by default, longer than any answer is waited for and any stream is silent
   */
  readonly movesWithinMs?: number;
}

/**
 * An application without routes, and what all of them have in common: requests are checked to the letter, every failure is
 * a problem+json, each request has a correlation id (`X-Correlation-Id`, else the message's own id) in its answer and in
 * every line that is logged for it, and what is too much is refused before any of it begins.
 */
export function createHttp(logger: Logger, limits: HttpLimits = {}): Http {
  const { admission = createAdmission(), arrivesWithinMs = 15_000, movesWithinMs = 45_000 } = limits;
  const app: Http = fastify({
    loggerInstance: logger,
    bodyLimit: BODY_LIMIT,
    requestTimeout: arrivesWithinMs,
    connectionTimeout: movesWithinMs,
    http: { headersTimeout: arrivesWithinMs, connectionsCheckingInterval: LOOK_FOR_LATE_MS },
    routerOptions: { maxParamLength: PATH_PART_LIMIT },
    genReqId: correlationId,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'correlationId' }),
    clientErrorHandler: answerUnreadable(logger),
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.addSchema(Problem);
  app.setValidatorCompiler(validatorCompiler);
  app.setErrorHandler(sendProblem);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-correlation-id', request.id);
    refuseWrongUrl(request.url);
  });
  admitRequests(app, admission, logger);
  answerWrongPaths(app);
  acceptOnlyJson(app);
  refuseUnknownQueries(app);
  app.addHook('preClose', async () => {
    // Node waits a minute for a connection that never sent a request, such as a browser's in advance.
    setTimeout(() => app.server.closeAllConnections(), CLOSE_WITHIN_MS).unref();
  });
  return app;
}

function correlationId({ headers }: IncomingMessage): string {
  const given = headers['x-correlation-id'] ?? headers['idempotency-key'] ?? headers['webhook-id'];
  return typeof given === 'string' && isKey(given) ? given : randomUUID();
}

function refuseUnknownQueries(app: Http): void {
  app.addHook('onRoute', ({ schema }) => {
    if (schema !== undefined && schema.hide !== true) schema.querystring ??= NoQuery;
  });
}

/** A URL is ASCII (RFC 3986); what it encodes is UTF-8, and is not guessed where it is not. */
function refuseWrongUrl(url: string): void {
  const start = url.indexOf('?');
  if (isDecodable(start === -1 ? '' : url.slice(start + 1)) && /^[!-~]*$/.test(url)) return;
  throw new HttpProblem(
    400,
    'invalid_url',
    'The URL is not encoded correctly: a % starts two hexadecimal digits, and these encode UTF-8.',
  );
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** 405 where only other methods have the path, else 404; before a body is read that no route would take. */
function answerWrongPaths(app: Http): void {
  const routes: { readonly path: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ path: pathPattern(url), methods: [method].flat() });
  });
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return;
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = new Set(
      routes.filter((route) => route.path.test(path)).flatMap(({ methods }) => methods),
    );
    if (allowed.size === 0 || allowed.has(request.method)) {
      throw new HttpProblem(404, 'unknown_path', `There is nothing at ${path}. /docs lists what there is.`);
    }
    const allow = [...allowed].join(', ');
    throw new HttpProblem(405, 'method_not_allowed', `${path} takes ${allow}.`, {}, { allow });
  });
}

/** Matches the paths of a route such as `/v1/orders/:orderId` or `/assets/*`. */
function pathPattern(url: string): RegExp {
  const literal = url.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`);
}
