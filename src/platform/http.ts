import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyInstance, LogController, type RawServerDefault } from 'fastify';
import { HttpProblem, Problem, sendProblem } from './http-problem.js';
import { isKey } from './http-schemas.js';
import { answerUnreadable } from './http-unreadable.js';
import { NoQuery, validatorCompiler } from './http-validation.js';
import type { Logger } from './logger.js';

export type Http = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  Logger,
  TypeBoxTypeProvider
>;

const BODY_LIMIT = 1024 * 1024;
/** What requests under way have to end when the application closes. */
const CLOSE_WITHIN_MS = 1_500;
/** Longer than any id that is valid, so that an id too long is refused as such, and not as an unknown path. */
const PATH_PART_LIMIT = 2_000;

/**
 * An application without routes, and what all of them have in common: requests are checked to the letter, every failure is
 * a problem+json, and each request has a correlation id (`X-Correlation-Id`, else the message's own id) in its answer and in
 * every line that is logged for it.
 */
export function createHttp(logger: Logger): Http {
  const app: Http = fastify({
    loggerInstance: logger,
    bodyLimit: BODY_LIMIT,
    requestTimeout: 15_000,
    routerOptions: { maxParamLength: PATH_PART_LIMIT },
    genReqId: correlationId,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'correlationId' }),
    clientErrorHandler: answerUnreadable(logger),
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.addSchema(Problem);
  app.setValidatorCompiler(validatorCompiler);
  app.setErrorHandler(sendProblem);
  acceptOnlyJson(app);
  refuseUnknownQueries(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-correlation-id', request.id);
    const [, query = ''] = request.url.split('?', 2);
    if (!isDecodable(query)) {
      throw new HttpProblem(
        400,
        'invalid_url',
        'The query is not encoded correctly: a % starts two hexadecimal digits.',
      );
    }
  });
  answerWrongPaths(app);
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

/** No body at all is an empty object: some commands have nothing to say. */
function acceptOnlyJson(app: Http): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') done(null, {});
    else void parse(request, body, done);
  });
  app.addHook('preValidation', async (request) => {
    if (request.method !== 'GET' && request.body === undefined) request.body = {};
  });
}

function refuseUnknownQueries(app: Http): void {
  app.addHook('onRoute', ({ schema }) => {
    if (schema !== undefined && schema.hide !== true) schema.querystring ??= NoQuery;
  });
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** 405 where only other methods have the path, else 404. */
function answerWrongPaths(app: Http): void {
  const routes: { readonly path: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ path: pathPattern(url), methods: [method].flat() });
  });
  app.setNotFoundHandler((request) => {
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
