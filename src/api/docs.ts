import swagger from '@fastify/swagger';
import reference from '@scalar/fastify-api-reference';
import { openRoutes } from './access.js';
import type { Http } from './server.js';

/**
 * Serves `/openapi.json`, generated from the schemas of the routes that are registered later, and
 * `/docs`, which shows it and works offline.
 */
export async function registerDocs(app: Http): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Orders',
        version: '1',
        description:
          'Commands are answered by the order’s workflow, queries by views. Every error is answered with an ' +
          'RFC 9457 problem that has a `code`. A command may be repeated with the same `Idempotency-Key` any number of times.',
      },
      tags: [
        { name: 'commands', description: 'commands to orders' },
        { name: 'queries', description: 'queries about orders' },
        { name: 'stock' },
        {
          name: 'webhooks',
          description: 'facts from payment providers and carriers, signed by the Standard Webhooks scheme',
        },
        { name: 'operations' },
      ],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description:
              'An API key (`npx orders keys create`), or an access token of the OpenID issuer. `x-scope` says which ' +
              'scope each route needs. With `AUTH=off`, which is possible on a loopback address only, none is needed.',
          },
        },
      },
    },
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, i) =>
        typeof schema.$id === 'string' ? schema.$id : `schema-${i}`,
    },
  });
  const open = { config: { access: 'open' }, schema: { hide: true } } as const;
  app.get('/openapi.json', open, async () => app.swagger());
  await app.register(async (docs: Http) => {
    openRoutes(docs);
    await docs.register(reference, {
      routePrefix: '/docs',
      configuration: {
        pageTitle: 'Orders API',
        withDefaultFonts: false,
        hideClientButton: true,
        telemetry: false,
      },
    });
  });
  app.get('/', open, async (_request, reply) => reply.redirect('/docs/'));
}
