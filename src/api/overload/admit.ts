import type { FastifyReply, FastifyRequest } from 'fastify';
import { Gauge } from 'prom-client';
import type { Instruments } from '../operations/routes-metrics.js';
import { type Admission, type WorkKind, workKinds, type Leave } from './admission.js';
import { HttpProblem, pathOf, encodedProblem } from '../problem.js';
import type { Http } from '../http.js';
import type { Logger } from '../../server/logging/logger.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The kind of work of a route's requests; `none` is never refused. By default `read` for GET
     * and HEAD, and `command` for other methods.
     */
    readonly work?: WorkKind | 'none' | ((request: FastifyRequest) => WorkKind);
  }
  interface FastifyRequest {
    /** Frees the request's slot. A route calls it early if all that remains to do is to wait. */
    leave: Leave;
  }
}

/**
 * Maximum time for which a request keeps its slot while its answer is sent. The answer takes memory
 * until the client has read it.
 */
const SENDING_MS = 1_000;
/** Minimum time between two log lines about refusals. Each has the numbers since the start. */
const LOG_EVERY_MS = 10_000;

/**
 * Refuses requests with 503 `overloaded` and `Retry-After` while too many of their kind are in
 * flight, if possible before the body is read. A request takes its slot when its body is complete,
 * so that a request whose body arrives slowly does not occupy one.
 */
export function admitRequests(app: Http, admission: Admission, logger: Logger): void {
  const refused = new Map<WorkKind, number>();
  let loggedAt = Number.NEGATIVE_INFINITY;
  const refuse = (kind: WorkKind): HttpProblem => {
    refused.set(kind, (refused.get(kind) ?? 0) + 1);
    if (performance.now() - loggedAt > LOG_EVERY_MS) {
      loggedAt = performance.now();
      logger.warn({ refused: Object.fromEntries(refused) }, 'overloaded: refusing requests');
    }
    const detail = `Too many requests of this kind (${kind}) are under way. Nothing was started. Try again after the seconds of Retry-After.`;
    return new HttpProblem(503, 'overloaded', detail);
  };
  app.decorateRequest('leave', nothing);
  app.addHook('preParsing', (request, reply, _, done) => {
    const kind = kindOf(request);
    if (kind === undefined || !admission.refuses(kind)) return done();
    const problem = refuse(kind);
    const { headers, body } = encodedProblem(problem, request.id, pathOf(request.url));
    // Under overload this is the most frequent answer, so it bypasses Fastify.
    reply.hijack();
    reply.raw.writeHead(problem.status, { ...headersOf(reply), ...headers }).end(body);
    return undefined;
  });
  app.addHook('preValidation', async (request, reply) => {
    const kind = kindOf(request);
    if (kind === undefined) return;
    const leave = await admission.enter(kind);
    if (leave === undefined) throw refuse(kind);
    request.leave = leave;
    if (kind === 'stream') reply.raw.once('close', leave);
    // The client has disconnected while it waited, so the work is not started.
    if (request.raw.socket.destroyed) {
      leave();
      throw refuse(kind);
    }
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.leave === nothing) return;
    const timer = setTimeout(request.leave, SENDING_MS).unref();
    reply.raw.once('close', () => {
      clearTimeout(timer);
      request.leave();
    });
  });
}

function headersOf(reply: FastifyReply): Record<string, number | string | string[]> {
  const entries = Object.entries(reply.getHeaders());
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function nothing(): void {}

function kindOf(request: FastifyRequest): WorkKind | undefined {
  if (request.is404) return undefined;
  const { config, method } = request.routeOptions;
  const { work = method === 'GET' || method === 'HEAD' ? 'read' : 'command' } = config;
  if (work === 'none') return undefined;
  const kind = typeof work === 'function' ? work(request) : work;
  // An asynchronous command is sent as a signal, so it waits for no worker.
  return kind === 'command' && isAsync(request) ? 'message' : kind;
}

function isAsync({ headers: { prefer } }: FastifyRequest): boolean {
  return typeof prefer === 'string' && /\brespond-async\b/i.test(prefer);
}

/** Gauges of the admission for Prometheus. */
export function admissionMetrics(admission: Admission): Instruments {
  return (registry) => {
    const gauge = (name: string, help: string) =>
      new Gauge({ name, help, labelNames: ['kind'], registers: [registry] });
    const inFlight = gauge('http_work_in_flight', 'Requests under way, by kind of work');
    const limit = gauge('http_work_limit', 'Requests that may be under way, by kind of work');
    return async () => {
      for (const kind of workKinds) {
        const state = admission.state(kind);
        inFlight.set({ kind }, state.inFlight);
        limit.set({ kind }, state.limit);
      }
    };
  };
}
