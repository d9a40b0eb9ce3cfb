import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { LogController } from 'fastify';
import { guardRoutes } from './access/guard.js';
import { type Admission, createAdmission } from './overload/admission.js';
import { admitRequests } from './overload/admit.js';
import { acceptOnlyJson } from './requests/json-bodies.js';
import { type Edge, guardEdge } from './edge/edge.js';
import { isServedHere } from './edge/ports.js';
import type { Http } from './http.js';
import { Problem } from './problem.js';
import { buildSerializer } from './requests/serialization.js';
import { isKey } from './schemas/values.js';
import { sendProblem } from './send-problem.js';
import { answerWrongPaths, refuseWrongUrl } from './requests/paths.js';
import { answerUnreadable } from './requests/unreadable.js';
import { NoQuery, validatorCompiler } from './requests/validation.js';
import type { Authenticate } from '../access/authenticate.js';
import type { Logger } from '../server/logging/logger.js';

const MAX_BODY_BYTES = 1024 * 1024;
/**
 * How often Node looks for requests that arrive too slowly. A request may exceed its limit by this
 * time before it is noticed; Node's default is 30 s.
 */
const LOOK_FOR_LATE_MS = 1_000;
/** Time for requests in flight to end when the application closes. */
const CLOSE_WITHIN_MS = 1_500;
/**
 * Longer than any valid id, so that an id that is too long is refused as an invalid id, and not as
 * an unknown path.
 */
const MAX_PATH_PART_LENGTH = 2_000;

export interface HttpOptions {
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
   * How long a connection may be idle before it is closed. It is idle, for example, while a client
   * does not read its answer. 45 s by default, which is longer than any answer takes and than the
   * pauses between keep-alives.
   */
  readonly closesIdleAfterMs?: number;
  /** which requests are accepted; all by default */
  readonly edge?: Edge;
  /** whether operations are served on a port of their own (`listenForOperations`) */
  readonly isSplit?: boolean;
}

/**
 * Creates an application without routes, but with what all routes share: strict validation,
 * problem+json for every error, a correlation id for each request in the answer and in every log
 * line, admission control before work starts, and the scopes of routes.
 */
export async function createHttp(logger: Logger, options: HttpOptions = {}): Promise<Http> {
  const {
    admission = createAdmission(),
    authenticate,
    checkStreamsEveryMs,
    edge,
    isSplit = false,
    arrivesWithinMs = 15_000,
    closesIdleAfterMs = 45_000,
  } = options;
  const app: Http = fastify({
    loggerInstance: logger,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: arrivesWithinMs,
    connectionTimeout: closesIdleAfterMs,
    http: { headersTimeout: arrivesWithinMs, connectionsCheckingInterval: LOOK_FOR_LATE_MS },
    routerOptions: { maxParamLength: MAX_PATH_PART_LENGTH },
    genReqId: correlationId,
    schemaController: { compilersFactory: { buildSerializer } },
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'correlationId' }),
    clientErrorHandler: answerUnreadable(logger),
    // Fastify runs no hooks for these errors, so the header is set here.
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

/**
 * The correlation id of a request: the first of three headers that the request has. It is a new id
 * if that header is invalid, or if the request has none of the three.
 */
function correlationId({ headers }: IncomingMessage): string {
  const given = headers['x-correlation-id'] ?? headers['idempotency-key'] ?? headers['webhook-id'];
  return typeof given === 'string' && isKey(given) ? given : randomUUID();
}

function refuseUnknownQueries(app: Http): void {
  app.addHook('onRoute', ({ schema }) => {
    if (schema !== undefined && schema.hide !== true) schema.querystring ??= NoQuery;
  });
}
