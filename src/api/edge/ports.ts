import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyContextConfig, FastifyRequest } from 'fastify';
import type { Http } from '../http.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** served on both ports, if operations have a port of their own */
    readonly onBothPorts?: true;
  }
}

/** Connections to the port of operations. */
const toOperations = new WeakSet<Socket>();

/**
 * Whether a route is served on the port that a request came to, if operations have a separate port.
 * Routes that need no key, such as health and the reference, are served on both.
 */
export function isServedHere(
  { access, onBothPorts }: FastifyContextConfig,
  { raw }: Pick<FastifyRequest, 'raw'>,
): boolean {
  if (access === 'open' || onBothPorts === true) return true;
  return (access === 'ops' || access === 'admin') === toOperations.has(raw.socket);
}

/**
 * Collects the routes that are registered from now on.
 *
 * @returns a function that says whether a route, named as in OpenAPI, is served on the port that a
 *   request came to
 */
export function collectServedRoutes(
  app: Http,
): (method: string, path: string, request: Pick<FastifyRequest, 'raw'>) => boolean {
  const routes = new Map<string, FastifyContextConfig>();
  app.addHook('onRoute', ({ method, url, config = {} }) => {
    const path = url.replaceAll(/:(\w+)/g, '{$1}');
    for (const one of [method].flat()) routes.set(`${one.toLowerCase()} ${path}`, config);
  });
  return (method, path, request) => isServedHere(routes.get(`${method} ${path}`) ?? {}, request);
}

export interface OperationsPort {
  /** `http://host:port` */
  readonly address: string;
  close(): Promise<void>;
}

/** Serves a ready application on the port of operations as well, with the same time limits. */
export async function listenForOperations(
  app: Http,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<OperationsPort> {
  const { requestTimeout, headersTimeout, keepAliveTimeout, timeout } = app.server;
  const limits = { requestTimeout, headersTimeout, keepAliveTimeout };
  const server = createServer(limits, (request, response) => app.routing(request, response));
  server.timeout = timeout;
  server.on('connection', (socket) => toOperations.add(socket));
  for (const answer of app.server.listeners('clientError'))
    server.on('clientError', (error, socket) => void Reflect.apply(answer, app.server, [error, socket]));
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address();
  const at = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    address: `http://${host.includes(':') ? `[${host}]` : host}:${at}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
