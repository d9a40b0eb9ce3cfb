import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { deliveryAnswer, listDeliveries } from '../../delivery/delivery-log.js';
import { endpointViews } from '../../delivery/endpoints.js';
import { type SubscriptionStatus, subscriptionsStatus } from '../../delivery/subscription-status.js';
import { answering } from '../../mongodb/durability.js';
import {
  DeliveryAnswer,
  EndpointAnswer,
  endpointAnswer,
  EndpointPath,
  noEndpoint,
  tags,
} from '../endpoint-shapes.js';
import { Instant } from '../order-shapes.js';
import { problem } from '../problem.js';
import { closed, Time } from '../schemas.js';
import type { Http } from '../server.js';

const optional = Type.Optional;
const config = { access: 'webhooks:write' } as const;
const LARGEST_PAGE = 200;

const Subscription = closed({
  name: Type.String({ description: "the endpoint's id, or `kafka`" }),
  kind: Type.Enum(['webhook', 'kafka']),
  to: Type.String({ description: 'the URL, or the topic' }),
  status: Type.Enum(['enabled', 'disabled', 'deleted']),
  generation: Type.Integer(),
  position: Type.Integer({ description: 'everything up to it was delivered, or waits' }),
  lag: Type.Integer({ description: 'events of the feed after the position' }),
  waiting: Type.Integer({ description: 'events that are tried again later, or wait for one that is' }),
  parked: Type.Integer({ description: 'events that are not tried again by themselves' }),
  delivered: Type.Integer({ description: 'deliveries that were acknowledged' }),
  failures: Type.Integer({ description: 'attempts in a row that failed' }),
  failingSince: optional(Instant),
  lastSuccessAt: optional(Instant),
  restUntil: optional(Type.String({ description: 'nothing is sent before' })),
});

interface EndpointQueryDeps {
  readonly db: Db;
  /** in which the feed is published; undefined without Kafka */
  readonly kafkaTopic: string | undefined;
}

/** Endpoints, their deliveries, and how far each subscription has come. */
export function registerEndpointQueries(app: Http, { db, kafkaTopic }: EndpointQueryDeps): void {
  app.get(
    '/v1/webhook-endpoints',
    {
      config: { ...config, work: 'list' },
      schema: {
        summary: 'The webhook endpoints that are not deleted',
        tags,
        response: { 200: closed({ data: Type.Array(EndpointAnswer) }), 503: problem(503) },
      },
    },
    async (_request, reply) => {
      const found = await endpointViews(db).find({ finished: false }, answering).sort({ _id: 1 }).toArray();
      return await reply.send({ data: found.map(({ state }) => endpointAnswer(state)) });
    },
  );

  app.get(
    '/v1/webhook-endpoints/:endpointId',
    {
      config,
      schema: {
        summary: 'A webhook endpoint',
        tags,
        params: EndpointPath,
        response: { 200: EndpointAnswer, 400: problem(400), 404: problem(404), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const found = await endpointViews(db).findOne({ _id: endpointId }, answering);
      if (found === null) throw noEndpoint(endpointId);
      return await reply.header('etag', `"${found.version}"`).send(endpointAnswer(found.state));
    },
  );

  app.get(
    '/v1/webhook-endpoints/:endpointId/deliveries',
    {
      config: { ...config, work: 'list' },
      schema: {
        summary: 'The attempts to deliver, of the last 30 days, the newest first',
        tags,
        params: EndpointPath,
        querystring: closed({
          event: optional(Type.String({ maxLength: 100, description: '`<orderId>:<version>`' })),
          before: optional(Time),
          limit: optional(Type.Integer({ minimum: 1, maximum: LARGEST_PAGE, default: 50 })),
        }),
        response: { 200: closed({ data: Type.Array(DeliveryAnswer) }), 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { event: eventId, before, limit = 50 } = request.query;
      const found = await listDeliveries(db, request.params.endpointId, {
        limit,
        eventId,
        before: before === undefined ? undefined : new Date(before),
      });
      return await reply.send({ data: found.map(deliveryAnswer) });
    },
  );

  app.get(
    '/v1/subscriptions',
    {
      config: { access: 'events:read', work: 'list' },
      schema: {
        summary: 'How far each subscription of the feed has come: position, lag and failures',
        tags: ['feed'],
        response: {
          200: closed({ data: Type.Unsafe<readonly SubscriptionStatus[]>(Type.Array(Subscription)) }),
          503: problem(503),
        },
      },
    },
    async (_request, reply) => await reply.send({ data: await subscriptionsStatus(db, kafkaTopic) }),
  );
}
