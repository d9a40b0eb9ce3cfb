import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { collectServedRoutes } from '../edge/ports.js';
import type { Http } from '../http.js';
import { asyncApi } from './asyncapi.js';
import { completeDocument } from './complete-document.js';
import { registerReference } from './scalar-page.js';
import { signingInWords } from './signing.js';

const asyncApiDocument = asyncApi();

/** What the document says besides the operations. */
const about: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.1.0',
  info: {
    title: 'Orders',
    version: '1',
    description:
      'Commands are answered by the order’s workflow, queries by views. Every error is answered with an ' +
      'RFC 9457 problem that has a `code`, and in `help` the page of its cause and remedy. The data of each event is ' +
      'among the models, under the name of its type. A command may be repeated with the same `Idempotency-Key` any number of times. ' +
      'Streams and outgoing webhooks, with the messages of each, are in the [AsyncAPI document](/asyncapi.json).',
  },
  tags: [
    { name: 'commands', description: 'commands to orders' },
    { name: 'queries', description: 'queries about orders' },
    { name: 'stock' },
    {
      name: 'webhooks',
      description: `Facts from payment providers and carriers. ${signingInWords}`,
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
};

/**
 * Serves `/openapi.json`, generated from the schemas of the routes that are registered later,
 * `/asyncapi.json`, and `/docs`, which shows the OpenAPI document and works offline.
 *
 * @param isSplit whether operations have a port of their own: each port then describes its own
 *   routes
 */
export async function registerDocs(app: Http, isSplit = false): Promise<void> {
  await app.register(swagger, {
    openapi: about,
    transformObject(document) {
      if (!('openapiObject' in document)) throw new TypeError('The document is not of OpenAPI 3.');
      completeDocument(document.openapiObject as Parameters<typeof completeDocument>[0]);
      return document.openapiObject;
    },
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, i) =>
        typeof schema.$id === 'string' ? schema.$id : `schema-${i}`,
    },
  });
  const open = { config: { access: 'open' }, schema: { hide: true } } as const;
  const served = isSplit ? collectServedRoutes(app) : undefined;
  app.get('/openapi.json', open, (request) => {
    const document = app.swagger();
    if (served === undefined) return document;
    const paths = Object.entries(document.paths ?? {}).map(([path, operations]) => {
      const here = Object.entries({ ...operations }).filter(([method]) => served(method, path, request));
      return [path, Object.fromEntries(here)] as const;
    });
    return {
      ...document,
      paths: Object.fromEntries(paths.filter(([, here]) => Object.keys(here).length > 0)),
    };
  });
  app.get('/asyncapi.json', open, () => asyncApiDocument);
  await registerReference(app);
}
