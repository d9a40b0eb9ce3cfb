import swagger from '@fastify/swagger';
import reference from '@scalar/fastify-api-reference';
import type { Http } from './server.js';

/** `/openapi.json`, made from the schemas of all routes registered after it, and `/docs`, which shows it without internet. */
export async function registerDocs(app: Http): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Orders',
        version: '1',
        description:
          'Commands are answered by the order’s workflow, queries by views. Every answer that is no success is an ' +
          'RFC 9457 problem with a `code`. A command may be repeated with the same `Idempotency-Key` as often as you like.',
      },
      tags: [
        { name: 'commands', description: 'what can be asked of an order' },
        { name: 'queries', description: 'what is known of orders' },
        { name: 'stock' },
        { name: 'webhooks', description: 'what others tell; signed by the Standard Webhooks scheme' },
        { name: 'operations' },
      ],
    },
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, i) =>
        typeof schema.$id === 'string' ? schema.$id : `schema-${i}`,
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await app.register(reference, {
    routePrefix: '/docs',
    configuration: {
      pageTitle: 'Orders API',
      withDefaultFonts: false,
      hideClientButton: true,
      telemetry: false,
    },
  });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs/'));
}
