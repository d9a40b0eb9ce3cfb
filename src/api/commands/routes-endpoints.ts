import type { FastifyReply } from 'fastify';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import type { WebhookSecrets } from '../../access/webhook-secrets.js';
import { privateAddressIn } from '../../delivery/webhooks/public-addresses.js';
import { forgetEndpoint } from '../../delivery/webhooks/operator-actions.js';
import type { Sender } from '../../delivery/webhooks/sender.js';
import type { Endpoint } from '../../endpoint/endpoint.js';
import { byRequest, type EndpointSettings } from '../../endpoint/settings.js';
import { feedEnd } from '../../log/feed/feed.js';
import { answering } from '../../mongodb/durability.js';
import { orderLog } from '../../order-log.js';
import { endpointAnswer, noEndpoint } from '../schemas/endpoint-answer.js';
import {
  EndpointAnswer,
  EndpointPath,
  EndpointWithSecret,
  settings,
  tags,
  Url,
} from '../schemas/endpoint.js';
import { HttpProblem, problemsOf } from '../problem.js';
import { closed } from '../schemas/values.js';
import type { Http } from '../http.js';
import type { EndpointGateway, EndpointResult } from './endpoint-gateway.js';
import { derivedOrderId, hashOf } from './gateway/derived-ids.js';
import { metaOf } from './request.js';
import { CommandHeaders, CreateHeaders } from './schemas.js';

export interface EndpointDeps {
  readonly db: Db;
  readonly endpoints: {
    readonly gateway: EndpointGateway;
    readonly secrets: WebhookSecrets;
    /** for tests of an endpoint */
    readonly sender: Sender;
    readonly allowHttp: boolean;
  };
}

export const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1_000 });
export const refusals = {
  ...problemsOf(400, 404, 409, 412, 413, 415, 422, 503),
};
export const config = { access: 'webhooks:write' } as const;
const root = '/v1/webhook-endpoints';
/** The path of one endpoint. */
export const one = `${root}/:endpointId`;

/** Endpoints, the receivers of webhooks: created, changed, deleted, and their secrets rotated. */
export function registerEndpoints(app: Http, deps: EndpointDeps): void {
  createRoute(app, deps);
  changeRoute(app, deps);
  deleteRoute(app, deps);
  rotateSecretRoute(app, deps);
}

function createRoute(app: Http, { db, endpoints }: EndpointDeps): void {
  app.post(
    root,
    {
      config,
      schema: {
        summary: 'Deliver events to a URL',
        description:
          'Events are posted as CloudEvents 1.0, signed by the Standard Webhooks scheme, at least once and in ' +
          'order within each order. They begin after position `after` of the feed, by default with what happens ' +
          'from now on. The answer has the secret; the same request with the same key gives it again.',
        tags,
        headers: CreateHeaders,
        body: closed({ url: Url, ...settings, after: Type.Optional(Position) }),
        response: { 201: EndpointWithSecret, ...refusals },
      },
    },
    async (request, reply) => {
      const { url, events, after, ...others } = request.body;
      const { allowHttp, gateway, secrets } = endpoints;
      refuseUrl(url, allowHttp);
      const { generations, head } = await feedEnd(orderLog, db, answering);
      refuseBeyond(after, head);
      const meta = metaOf(request);
      const endpointId = derivedOrderId(`${meta.issuer} endpoint`, meta.key);
      const secretId = secretIdOf(endpointId, meta.key);
      const secret = await secrets.make(secretId);
      const data = {
        url,
        ...others,
        ...(events && { eventTypes: events }),
        secretId,
        after: { generation: generations.current.generation, position: after ?? head },
        ...(allowHttp && { allowHttp }),
      };
      const result = await gateway
        .create(endpointId, data, request.body, meta)
        .catch(async (error: unknown) => {
          // The endpoint was deleted before, so the secret that was just made is removed.
          if (error instanceof HttpProblem && error.status === 404) await secrets.removeAll(endpointId);
          throw error;
        });
      headers(reply, result);
      return await reply
        .code(201)
        .header('location', `${root}/${endpointId}`)
        .header('cache-control', 'no-store')
        .send({ ...endpointAnswer(result.endpoint), secret });
    },
  );
}

function changeRoute(app: Http, { endpoints }: EndpointDeps): void {
  app.patch(
    one,
    {
      config,
      schema: {
        summary: 'Change an endpoint, disable it, or enable it again',
        description: 'After a change, everything that failed is tried again at once.',
        tags,
        headers: CommandHeaders,
        params: EndpointPath,
        body: closed({ url: Type.Optional(Url), ...settings, enabled: Type.Optional(Type.Boolean()) }),
        response: { 200: EndpointAnswer, ...refusals },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const { events, enabled, ...others } = request.body;
      const { allowHttp, gateway } = endpoints;
      if (others.url !== undefined) refuseUrl(others.url, allowHttp);
      const changes: Partial<EndpointSettings> = { ...others, ...(events && { eventTypes: events }) };
      const meta = metaOf(request);
      const data = { ...changes, ...(allowHttp && { allowHttp }) };
      const change = () => gateway.execute(endpointId, 'ChangeEndpoint', data, meta);
      if (enabled === undefined) return await answered(reply, await change());
      const isChanged = Object.keys(changes).length > 0;
      if (isChanged) await change();
      const { expectedVersion, ...further } = meta;
      const ofStatus = {
        ...further,
        key: `${meta.key}.enabled`,
        ...(!isChanged && expectedVersion !== undefined && { expectedVersion }),
      };
      const result = enabled
        ? await gateway.execute(endpointId, 'EnableEndpoint', {}, ofStatus)
        : await gateway.execute(endpointId, 'DisableEndpoint', { reason: byRequest }, ofStatus);
      return await answered(reply, result);
    },
  );
}

function deleteRoute(app: Http, { db, endpoints }: EndpointDeps): void {
  app.delete(
    one,
    {
      config,
      schema: {
        summary: 'Delete an endpoint, with its secrets and what waits for it',
        tags,
        headers: CommandHeaders,
        params: EndpointPath,
        response: { 200: EndpointAnswer, ...refusals },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const { gateway, secrets } = endpoints;
      const result = await gateway.execute(endpointId, 'DeleteEndpoint', {}, metaOf(request));
      await secrets.removeAll(endpointId);
      await forgetEndpoint(db, endpointId);
      return await answered(reply, result);
    },
  );
}

function rotateSecretRoute(app: Http, { endpoints }: EndpointDeps): void {
  app.post(
    `${one}/rotate-secret`,
    {
      config,
      schema: {
        summary: 'Give an endpoint a new secret',
        description: 'Until the next rotation, the old one signs too: each message has both signatures.',
        tags,
        headers: CommandHeaders,
        params: EndpointPath,
        body: closed({}),
        response: { 200: EndpointWithSecret, ...refusals },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const meta = metaOf(request);
      await existing(endpoints, endpointId);
      const secretId = secretIdOf(endpointId, `${meta.issuer} ${meta.key}`);
      const secret = await endpoints.secrets.make(secretId);
      const result = await endpoints.gateway.execute(endpointId, 'RotateSecret', { secretId }, meta);
      headers(reply, result);
      return await reply
        .header('cache-control', 'no-store')
        .send({ ...endpointAnswer(result.endpoint), secret });
    },
  );
}

/** @throws HttpProblem 404 */
export async function existing(
  { gateway }: EndpointDeps['endpoints'],
  endpointId: string,
): Promise<Endpoint> {
  const endpoint = await gateway.read(endpointId);
  if (endpoint === undefined || endpoint.status === 'deleted') throw noEndpoint(endpointId);
  return endpoint;
}

/** The id follows from the request, so that a repeated request gets the same secret. */
function secretIdOf(endpointId: string, key: string): string {
  return `${endpointId}.${hashOf(key)}`;
}

/**
 * Refuses a URL to which nothing can ever be delivered. Two checks come later: the endpoint decides
 * whether the scheme is allowed, and each delivery looks the host's name up.
 *
 * @throws HttpProblem 422
 */
function refuseUrl(url: string, allowPrivate: boolean): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.username !== '' || parsed.password !== '')
    throw invalidUrl('is no absolute URL without user and password');
  const address = privateAddressIn(parsed.hostname);
  if (!allowPrivate && address !== undefined)
    throw invalidUrl(`has ${address}, which is no public address. WEBHOOKS_ALLOW_PRIVATE=on allows it`);
}

function invalidUrl(detail: string): HttpProblem {
  return new HttpProblem(422, 'invalid_url', `url: ${detail}.`, {
    errors: [{ pointer: '/url', in: 'body', detail }],
  });
}

/** @throws HttpProblem 422 */
export function refuseBeyond(after: number | undefined, head: number): void {
  if (after === undefined || after <= head) return;
  throw new HttpProblem(422, 'position_unknown', `The feed ends at position ${head}, before ${after}.`);
}

function headers(reply: FastifyReply, { endpoint, replayed }: EndpointResult): void {
  reply.header('etag', `"${endpoint.version}"`);
  if (replayed) reply.header('idempotent-replayed', 'true');
}

async function answered(reply: FastifyReply, result: EndpointResult): Promise<FastifyReply> {
  headers(reply, result);
  return await reply.send(endpointAnswer(result.endpoint));
}
