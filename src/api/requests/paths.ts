import type { FastifyContextConfig } from 'fastify';
import type { isServedHere } from '../edge/ports.js';
import type { Http } from '../http.js';
import { HttpProblem, pathOf } from '../problem.js';

/**
 * Refuses a URL that is not ASCII (RFC 3986), or whose query is not percent-encoded UTF-8. The
 * router refuses such a path by itself.
 */
export function refuseWrongUrl(url: string): void {
  const start = url.indexOf('?');
  if (isDecodable(start === -1 ? '' : url.slice(start + 1)) && /^[!-~]*$/.test(url)) return;
  throw new HttpProblem(
    400,
    'invalid_url',
    'The URL is not encoded correctly: two hexadecimal digits of UTF-8 follow each %.',
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
export function answerWrongPaths(app: Http, isServed: typeof isServedHere): void {
  const routes: KnownRoute[] = [];
  app.addHook('onRoute', ({ url, method, config = {} }) => {
    // `*` is the route of preflight requests (CORS). It is left out, because it would match every
    // path.
    if (url !== '*') routes.push({ path: pathPattern(url), methods: [method].flat(), config });
  });
  app.addHook('onRequest', async (request) => {
    if (!request.is404 && isServed(request.routeOptions.config, request)) return;
    const path = pathOf(request.url);
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
