import type { FastifyReply, FastifyRequest } from 'fastify';
import { Gauge } from 'prom-client';
import type { Instruments } from './metrics.js';
import { type Admission, type Kind, kinds, type Leave } from './admission.js';
import { HttpProblem, pathOf, problemBody } from './problem.js';
import type { Http } from './server.js';
import type { Logger } from '../server/logger.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What kind of work a request of the route is; `none` is never refused. By default a GET is a `read`, and anything else a
     * `command`.
     */
    readonly work?: Kind | 'none' | ((request: FastifyRequest) => Kind);
  }
  interface FastifyRequest {
    /** Gives the request's place to another before the answer is sent: what is still to come is no work, such as waiting. */
    leave: Leave;
  }
}

/** How long an answer may be on its way and keep its place: it is memory until it is read. */
const SENT_WITHIN_MS = 1_000;
/** One line, with how many were refused since the start. */
const TELL_EVERY_MS = 10_000;

/**
 * Refuses requests before anything of them begins, with 503 `overloaded` and `Retry-After`, while too many of their kind are
 * under way. A body is not read for a refusal, and a slow body holds no place: it is admitted when it is whole.
 */
export function admitRequests(app: Http, admission: Admission, logger: Logger): void {
  const refused = new Map<Kind, number>();
  let toldAt = Number.NEGATIVE_INFINITY;
  const refuse = (kind: Kind): HttpProblem => {
    refused.set(kind, (refused.get(kind) ?? 0) + 1);
    if (performance.now() - toldAt > TELL_EVERY_MS) {
      toldAt = performance.now();
      logger.warn({ refused: Object.fromEntries(refused) }, 'overloaded: requests are refused');
    }
    const detail = `Too many requests of this kind (${kind}) are under way. Nothing was started. Try again after the seconds of Retry-After.`;
    return new HttpProblem(503, 'overloaded', detail);
  };
  app.decorateRequest('leave', nothing);
  app.addHook('preParsing', (request, reply, _, done) => {
    const kind = kindOf(request);
    if (kind === undefined || !admission.isFull(kind)) return done();
    const problem = refuse(kind);
    const body = JSON.stringify(problemBody(problem, request.id, pathOf(request.url)));
    // Under overload most answers are this one, so it takes the shortest way.
    reply.hijack();
    reply.raw
      .writeHead(problem.status, {
        'content-type': 'application/problem+json',
        'content-length': Buffer.byteLength(body),
        ...headersOf(reply),
        ...problem.headers,
      })
      .end(body);
    return undefined;
  });
  app.addHook('preValidation', async (request, reply) => {
    const kind = kindOf(request);
    if (kind === undefined) return;
    const leave = await admission.enter(kind);
    if (leave === undefined) throw refuse(kind);
    request.leave = leave;
    if (kind === 'stream') reply.raw.once('close', leave);
    // The client has gone while it waited: nothing is begun for it.
    if (request.raw.socket.destroyed) {
      leave();
      throw refuse(kind);
    }
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.leave === nothing) return;
    const timer = setTimeout(request.leave, SENT_WITHIN_MS).unref();
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

function kindOf(request: FastifyRequest): Kind | undefined {
  if (request.is404) return undefined;
  const { config, method } = request.routeOptions;
  const { work = method === 'GET' || method === 'HEAD' ? 'read' : 'command' } = config;
  if (work === 'none') return undefined;
  if (typeof work === 'function') return work(request);
  // It is not answered by a worker.
  return work === 'command' && isAsync(request) ? 'message' : work;
}

function isAsync({ headers: { prefer } }: FastifyRequest): boolean {
  return typeof prefer === 'string' && /\brespond-async\b/i.test(prefer);
}

/** What the admission does, for Prometheus. */
export function admissionMetrics(admission: Admission): Instruments {
  return (registry) => {
    const gauge = (name: string, help: string) =>
      new Gauge({ name, help, labelNames: ['kind'], registers: [registry] });
    const inFlight = gauge('http_work_in_flight', 'Requests under way, by kind of work');
    const limit = gauge('http_work_limit', 'Requests that may be under way, by kind of work');
    return async () => {
      for (const kind of kinds) {
        const state = admission.state(kind);
        inFlight.set({ kind }, state.inFlight);
        limit.set({ kind }, state.limit);
      }
    };
  };
}
