import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { addKey, type KeySummary, keyStatuses, listKeys, revokeKey } from '../../access/api-keys.js';
import { type Scope, scopes } from '../../access/scopes.js';
import { durationMs } from '../../server/config/variables.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { Instant } from '../schemas/order.js';
import { closed, Duration, Id } from '../schemas/values.js';
import type { Http } from '../http.js';

const OptionalInstant = Type.Optional(Instant);
const Scopes = Type.Unsafe<readonly Scope[]>(Type.Array(Type.Enum([...scopes]), { minItems: 1 }));

const ApiKey = closed({
  keyId: Type.String(),
  client: Type.String(),
  scopes: Scopes,
  status: Type.Enum([...keyStatuses]),
  createdAt: Type.String(),
  expiresAt: OptionalInstant,
  revokedAt: OptionalInstant,
  lastUsedAt: OptionalInstant,
});
const NewKey = closed({ ...ApiKey.properties, key: Type.String({ description: 'shown this once' }) });

const config = { access: 'admin' } as const;
const tags = ['operations'];

/**
 * Lists, makes and revokes API keys. A client that may make keys may do everything, because a key
 * may have any scope.
 */
export function registerKeys(app: Http, db: Db): void {
  listRoute(app, db);
  createRoute(app, db);
  revokeRoute(app, db);
}

function listRoute(app: Http, db: Db): void {
  app.get(
    '/v1/keys',
    {
      config: { ...config, work: 'list' },
      schema: {
        summary: 'The API keys of all clients, without their secrets',
        tags,
        response: {
          200: closed({ data: Type.Unsafe<readonly KeySummary[]>(Type.Array(ApiKey)) }),
          ...problemResponses(503),
        },
      },
    },
    async (_request, reply) => await reply.send({ data: await listKeys(db) }),
  );
}

function createRoute(app: Http, db: Db): void {
  app.post(
    '/v1/keys',
    {
      config,
      schema: {
        summary: 'Give a client a new API key',
        description:
          'Its other keys stay valid. Not idempotent: after an unknown outcome, list the keys and revoke the extra one.',
        tags,
        body: closed({ client: Id, scopes: Scopes, expires: Type.Optional(Duration) }),
        response: { 201: NewKey, ...problemResponses(400, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { client, scopes: given, expires } = request.body;
      const expiresAt = expires === undefined ? undefined : new Date(Date.now() + durationMs(expires));
      const added = await addKey(db, { client, scopes: given, ...(expiresAt && { expiresAt }) });
      return await reply.code(201).header('cache-control', 'no-store').send(added);
    },
  );
}

function revokeRoute(app: Http, db: Db): void {
  app.post(
    '/v1/keys/:keyId/revoke',
    {
      config,
      schema: {
        summary: 'Revoke an API key for good',
        tags,
        params: closed({ keyId: Id }),
        body: closed({}),
        response: { 200: ApiKey, ...problemResponses(400, 404, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { keyId } = request.params;
      const revoked = await revokeKey(db, keyId);
      if (revoked === undefined) throw new HttpProblem(404, 'key_not_found', `There is no key ${keyId}.`);
      return await reply.send(revoked);
    },
  );
}
