import type { RouteOptions } from 'fastify';
import type { Scope } from '../../access/scopes.js';
import type { Http } from '../http.js';
import { problemResponses } from '../problem.js';

/**
 * Who may use a route: a caller with this scope, every caller, or a sender whose body is signed.
 * The route itself checks the signature.
 */
export type Access = Scope | 'open' | 'signed';

export interface RouteAccess {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The application does not start if a route lacks it. */
    readonly access?: Access;
  }
  interface FastifyInstance {
    /** every route, once the application is ready */
    readonly routeAccess: readonly RouteAccess[];
  }
  interface FastifySchema {
    /** the scope that a caller needs, in OpenAPI */
    'x-scope'?: string;
  }
}

/** Collects the routes and adds their access to OpenAPI. `app.ready` fails if a route has none. */
export function collectRouteAccess(app: Http): void {
  const routes: RouteOptions[] = [];
  const table: RouteAccess[] = [];
  app.decorate('routeAccess', table);
  app.addHook('onRoute', (route) => {
    routes.push(route);
    if (route.config?.access !== undefined) describe(route, route.config.access);
  });
  app.addHook('onReady', async () => {
    for (const { method, url, config } of routes) {
      const access = config?.access;
      if (access === undefined)
        throw new TypeError(`The route ${url} must say who may use it: config.access.`);
      table.push(...[method].flat().map((one) => ({ method: one, url, access })));
    }
  });
}

function describe(route: RouteOptions, access: Access): void {
  const { schema } = route;
  if (schema === undefined || schema.hide === true || access === 'signed') return;
  if (access === 'open') {
    route.schema = { ...schema, security: [] };
    return;
  }
  route.schema = {
    ...schema,
    'x-scope': access,
    security: [{ bearer: [access] }],
    response: { ...problemResponses(401, 403), ...Object(schema.response) },
  };
}
