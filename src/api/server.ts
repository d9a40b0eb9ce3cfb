import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyContextConfig, LogController } from 'fastify';
import { guardRoutes } from './access.js';
import { type Admission, createAdmission } from './overload/admission.js';
import { admitRequests } from './overload/admit.js';
import { acceptOnlyJson } from './body.js';
import { type Edge, guardEdge } from './edge/edge.js';
import { isServedHere } from './edge/ports.js';
import type { Http } from './http.js';
import { HttpProblem, Problem, sendProblem } from './problem.js';
import { isKey } from './schemas.js';
import { buildSerializer } from './serialization.js';
import { answerUnreadable } from './unreadable.js';
import { NoQuery, validatorCompiler } from './validation.js';
import type { Authenticate } from '../access/authenticate.js';
import type { Logger } from '../server/logging/logger.js';

const BODY_LIMIT = 1024 * 1024;
/**
 * How often requests that arrive too slowly are looked for; Node's default of 30 s would add to the
 * limit.
 */
const LOOK_FOR_LATE_MS = 1_000;
/** Time for requests in flight to end when the application closes. */
const CLOSE_WITHIN_MS = 1_500;
/**
 * Longer than any valid id, so that an id that is too long is refused as such, and not as an
 * unknown path.
 */
const PATH_PART_LIMIT = 2_000;

/** Limits of an HTTP application. */
export interface HttpLimits {
  readonly admission?: Admission;
  /** absent with AUTH=off */
  readonly authenticate?: Authenticate;
  /** how often the key or token of an open stream is checked again; every 5 s by default */
  readonly checkStreamsEveryMs?: number;
  /**
   * how long a request may take to arrive completely; then it is answered with 408; 15 s by default
   */
  readonly arrivesWithinMs?: number;
  /**
   * how long a connection may have no traffic before it is closed, for example because a client
   * does not read its answer or stream; 45 s by default, longer than any answer or keep-alive takes
   */
  readonly movesWithinMs?: number;
  /** which requests are accepted; all by default */
  readonly edge?: Edge;
  /** whether operations are served on a port of their own (`listenForOperations`) */
  readonly isSplit?: boolean;
}

/**
 * An application without routes, with what all routes share: strict validation, problem+json for
 * every error, a correlation id for each request (`X-Correlation-Id`, else the message's own id) in
 * the answer and in every log line, admission control before work starts, and the scopes of routes.
 */
export async function createHttp(logger: Logger, limits: HttpLimits = {}): Promise<Http> {
  const {
    admission = createAdmission(),
    authenticate,
    checkStreamsEveryMs,
    edge,
    isSplit = false,
    arrivesWithinMs = 15_000,
    movesWithinMs = 45_000,
  } = limits;
  const app: Http = fastify({
    loggerInstance: logger,
    bodyLimit: BODY_LIMIT,
    requestTimeout: arrivesWithinMs,
    connectionTimeout: movesWithinMs,
    http: { headersTimeout: arrivesWithinMs, connectionsCheckingInterval: LOOK_FOR_LATE_MS },
    routerOptions: { maxParamLength: PATH_PART_LIMIT },
    genReqId: correlationId,
    schemaController: { compilersFactory: { buildSerializer } },
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'correlationId' }),
    clientErrorHandler: answerUnreadable(logger),
    // Fastify runs no hooks for these errors.
    frameworkErrors: (error, request, reply) =>
      void sendProblem(error, request, reply.header('x-correlation-id', request.id)),
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.addSchema(Problem);
  app.setValidatorCompiler(validatorCompiler);
  app.setErrorHandler(sendProblem);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-correlation-id', request.id);
    refuseWrongUrl(request.url);
  });
  const countRefused = edge && (await guardEdge(app, edge));
  admitRequests(app, admission, logger);
  guardRoutes(app, authenticate, {
    ...(checkStreamsEveryMs !== undefined && { checkStreamsEveryMs }),
    ...(countRefused && { countRefused }),
  });
  answerWrongPaths(app, isSplit ? isServedHere : () => true);
  acceptOnlyJson(app);
  refuseUnknownQueries(app);
  app.addHook('preClose', async () => {
    // Node would wait a minute for connections that never sent a request, such as a browser's
    // speculative ones.
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

/** A URL is ASCII (RFC 3986), and its percent-encoding must be UTF-8. */
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

/**
 * Answers 405 if the path exists for other methods only, otherwise 404, before the body is read.
 */
function answerWrongPaths(app: Http, isServed: typeof isServedHere): void {
  const routes: KnownRoute[] = [];
  app.addHook('onRoute', ({ url, method, config = {} }) => {
    // `*` is the route of preflight requests (CORS). It makes no path a known one.
    if (url !== '*') routes.push({ path: pathPattern(url), methods: [method].flat(), config });
  });
  app.addHook('onRequest', async (request) => {
    if (!request.is404 && isServed(request.routeOptions.config, request)) return;
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = new Set(
      routes
        .filter((route) => route.path.test(path) && isServed(route.config, request))
        .flatMap(({ methods }) => methods),
    );
    if (allowed.size === 0 || allowed.has(request.method)) {
      throw unknownPath(path);
    }
    const allow = [...allowed].join(', ');
    throw new HttpProblem(405, 'method_not_allowed', `${path} takes ${allow}.`, {}, { allow });
  });
}

export function unknownPath(path: string): HttpProblem {
  return new HttpProblem(404, 'unknown_path', `There is nothing at ${path}. /docs lists what there is.`);
}

interface KnownRoute {
  readonly path: RegExp;
  readonly methods: readonly string[];
  readonly config: FastifyContextConfig;
}

/** Matches the paths of a route such as `/v1/orders/:orderId` or `/assets/*`. */
function pathPattern(url: string): RegExp {
  const literal = url.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`);
}
