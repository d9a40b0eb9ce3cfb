import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { privateAddressIn } from '../../delivery/webhooks/public-addresses.js';
import { byRequest, type EndpointSettings } from '../../endpoint/endpoint.js';
import { forgetSubscription } from '../../delivery/webhooks/subscription.js';
import { feedEnd } from '../../log/feed/feed.js';
import { committedInTime } from '../../mongodb/durability.js';
import { orderLog } from '../../order-log.js';
import { CommandHeaders, CreateHeaders } from '../schemas/command.js';
import { endpointAnswer } from '../schemas/endpoint-answer.js';
import {
  EndpointAnswer,
  EndpointPath,
  EndpointWithSecret,
  endpointSettings,
  endpointTags,
  EndpointUrl,
} from '../schemas/endpoint.js';
import { HttpProblem } from '../problem.js';
import { closed, Position } from '../schemas/values.js';
import type { Http } from '../http.js';
import { commandEndpoint, createEndpoint, type EndpointResult, readEndpoint } from './endpoint-gateway.js';
import {
  type EndpointDeps,
  endpointPath,
  endpointRefusals,
  endpointsPath,
  refuseAfterHead,
  webhooksWrite,
} from './endpoint-requests.js';
import { derivedId, hashOf } from '../../log/gateway/derived-ids.js';
import { metaOf } from './request.js';

/** Creates, changes and deletes endpoints, the receivers of webhooks, and rotates their secrets. */
export function registerEndpoints(app: Http, deps: EndpointDeps): void {
  createRoute(app, deps);
  changeRoute(app, deps);
  deleteRoute(app, deps);
  rotateSecretRoute(app, deps);
}

function createRoute(app: Http, { db, endpoints }: EndpointDeps): void {
  app.post(
    endpointsPath,
    {
      config: webhooksWrite,
      schema: {
        summary: 'Deliver events to a URL',
        description:
          'Events are posted as CloudEvents 1.0, signed by the Standard Webhooks scheme, at least once and in ' +
          'order within each order. They begin after position `after` of the feed, by default with what happens ' +
          'from now on. The answer has the secret; the same request with the same key gives it again.',
        tags: endpointTags,
        headers: CreateHeaders,
        body: closed({ url: EndpointUrl, ...endpointSettings, after: Type.Optional(Position) }),
        response: { 201: EndpointWithSecret, ...endpointRefusals },
      },
    },
    async (request, reply) => {
      const { url, events, after, ...others } = request.body;
      const { allowHttp, databases, secrets } = endpoints;
      refuseUrl(url, allowHttp);
      const { generations, head } = await feedEnd(orderLog, db, committedInTime);
      refuseAfterHead(after, head);
      const meta = metaOf(request);
      const endpointId = derivedId(`${meta.issuer} endpoint`, meta.key);
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
      const result = await createEndpoint(databases, endpointId, data, request.body, meta).catch(
        async (error: unknown) => {
          // The endpoint was deleted before, so the secret that was just made is removed.
          if (error instanceof HttpProblem && error.status === 404) await secrets.removeAll(endpointId);
          throw error;
        },
      );
      setHeaders(reply, result);
      return await reply
        .code(201)
        .header('location', `${endpointsPath}/${endpointId}`)
        .header('cache-control', 'no-store')
        .send({ ...endpointAnswer(result.endpoint), secret });
    },
  );
}

function changeRoute(app: Http, { endpoints }: EndpointDeps): void {
  app.patch(
    endpointPath,
    {
      config: webhooksWrite,
      schema: {
        summary: 'Change an endpoint, disable it, or enable it again',
        description: 'After a change, everything that failed is tried again immediately.',
        tags: endpointTags,
        headers: CommandHeaders,
        params: EndpointPath,
        body: closed({
          url: Type.Optional(EndpointUrl),
          ...endpointSettings,
          enabled: Type.Optional(Type.Boolean()),
        }),
        response: { 200: EndpointAnswer, ...endpointRefusals },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const { events, enabled, ...others } = request.body;
      const { allowHttp, databases } = endpoints;
      if (others.url !== undefined) refuseUrl(others.url, allowHttp);
      const changes: Partial<EndpointSettings> = { ...others, ...(events && { eventTypes: events }) };
      const meta = metaOf(request);
      const data = { ...changes, ...(allowHttp && { allowHttp }) };
      const change = () => commandEndpoint(databases, endpointId, 'ChangeEndpoint', data, meta);
      if (enabled === undefined) return await sendEndpoint(reply, await change());
      const isChanged = Object.keys(changes).length > 0;
      if (isChanged) await change();
      // A second command with a key of its own sets the status. After a change, this command is
      // sent without `If-Match`, whose version is the one before the change.
      const { expectedVersion, ...further } = meta;
      const ofStatus = {
        ...further,
        key: `${meta.key}.enabled`,
        ...(!isChanged && expectedVersion !== undefined && { expectedVersion }),
      };
      const result = enabled
        ? await commandEndpoint(databases, endpointId, 'EnableEndpoint', {}, ofStatus)
        : await commandEndpoint(databases, endpointId, 'DisableEndpoint', { reason: byRequest }, ofStatus);
      return await sendEndpoint(reply, result);
    },
  );
}

function deleteRoute(app: Http, { db, endpoints }: EndpointDeps): void {
  app.delete(
    endpointPath,
    {
      config: webhooksWrite,
      schema: {
        summary: 'Delete an endpoint, with its secrets and what waits for it',
        tags: endpointTags,
        headers: CommandHeaders,
        params: EndpointPath,
        response: { 200: EndpointAnswer, ...endpointRefusals },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const { databases, secrets } = endpoints;
      const result = await commandEndpoint(databases, endpointId, 'DeleteEndpoint', {}, metaOf(request));
      await secrets.removeAll(endpointId);
      await forgetSubscription(db, endpointId);
      return await sendEndpoint(reply, result);
    },
  );
}

function rotateSecretRoute(app: Http, { endpoints }: EndpointDeps): void {
  app.post(
    `${endpointPath}/rotate-secret`,
    {
      config: webhooksWrite,
      schema: {
        summary: 'Give an endpoint a new secret',
        description: 'Until the next rotation, the old one signs too: each message has both signatures.',
        tags: endpointTags,
        headers: CommandHeaders,
        params: EndpointPath,
        body: closed({}),
        response: { 200: EndpointWithSecret, ...endpointRefusals },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const meta = metaOf(request);
      await readEndpoint(endpoints.databases, endpointId);
      const secretId = secretIdOf(endpointId, `${meta.issuer} ${meta.key}`);
      const secret = await endpoints.secrets.make(secretId);
      const result = await commandEndpoint(
        endpoints.databases,
        endpointId,
        'RotateSecret',
        { secretId },
        meta,
      );
      setHeaders(reply, result);
      return await reply
        .header('cache-control', 'no-store')
        .send({ ...endpointAnswer(result.endpoint), secret });
    },
  );
}

/** Derives a secret's id from the request, so that a repeated request gets the same secret. */
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
    throw invalidUrl('is not an absolute URL without user and password');
  const address = privateAddressIn(parsed.hostname);
  if (!allowPrivate && address !== undefined)
    throw invalidUrl(`has ${address}, which is not a public address. WEBHOOKS_ALLOW_PRIVATE=on allows it`);
}

function invalidUrl(detail: string): HttpProblem {
  return new HttpProblem(422, 'invalid_url', `url: ${detail}.`, {
    errors: [{ pointer: '/url', in: 'body', detail }],
  });
}

function setHeaders(reply: FastifyReply, { endpoint, replayed }: EndpointResult): void {
  reply.header('etag', `"${endpoint.version}"`);
  if (replayed) reply.header('idempotent-replayed', 'true');
}

async function sendEndpoint(reply: FastifyReply, result: EndpointResult): Promise<FastifyReply> {
  setHeaders(reply, result);
  return await reply.send(endpointAnswer(result.endpoint));
}
