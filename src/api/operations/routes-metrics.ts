import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { Type } from 'typebox';
import type { Http } from '../http.js';

/**
 * Registers metrics; the function that is returned updates them, and is called before each scrape.
 */
export type Instruments = (registry: Registry) => () => Promise<void>;

/**
 * Serves `/metrics` for Prometheus: metrics of the process, the duration of requests by route and
 * status, and the metrics of `instruments`.
 */
export function registerMetrics(app: Http, instruments: readonly Instruments[] = []): void {
  const registry = new Registry();
  const updates = instruments.map((instrument) => instrument(registry));
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
    const labels = { method, route: routeOptions.url ?? 'none', status: String(reply.statusCode) };
    duration.observe(labels, reply.elapsedTime / 1_000);
  });
  app.get(
    '/metrics',
    {
      config: { access: 'ops', work: 'none' },
      schema: {
        summary: 'Metrics of this process, as Prometheus reads them',
        tags: ['operations'],
        response: {
          200: { description: 'Prometheus text', content: { 'text/plain': { schema: Type.String() } } },
        },
      },
    },
    async (_request, reply) => {
      await Promise.all(updates.map((update) => update()));
      return await reply.type(registry.contentType).send(await registry.metrics());
    },
  );
}
