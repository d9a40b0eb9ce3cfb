import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { deliveryAnswer, listDeliveries } from '../../delivery/webhooks/delivery-log.js';
import { endpointViews } from '../../delivery/webhooks/endpoints.js';
import { type CommandsStatus, commandsStatus } from '../../delivery/kafka/command-rows.js';
import type { KafkaTopics } from '../../delivery/kafka/settings.js';
import { type SubscriptionStatus, subscriptionsStatus } from '../../delivery/subscription-status.js';
import { answering } from '../../mongodb/durability.js';
import { endpointAnswer, noEndpoint } from '../schemas/endpoint-answer.js';
import { DeliveryAnswer, EndpointAnswer, EndpointPath, Subscription, tags } from '../schemas/endpoint.js';
import { Instant } from '../schemas/order.js';
import { problem, problemsOf } from '../problem.js';
import { closed, Time } from '../schemas/values.js';
import type { Http } from '../http.js';

const optional = Type.Optional;
const config = { access: 'webhooks:write' } as const;
const LARGEST_PAGE = 200;

const Commands = closed(
  {
    topic: Type.String(),
    lag: Type.Integer({ description: 'commands that are not done, of all partitions' }),
    failure: optional(Type.String({ description: 'why no commands are taken now' })),
    failingSince: optional(Instant),
    partitions: Type.Array(
      closed({
        partition: Type.Integer(),
        position: optional(
          Type.Integer({ description: 'an offset: all commands before it are durable, or refused' }),
        ),
        lag: Type.Integer({ description: 'commands from there on' }),
        failure: optional(Type.String({ description: 'why it cannot be read' })),
        waiting: optional(
          closed(
            {
              record: Type.String({ description: '`<topic>:<partition>:<offset>`' }),
              since: Instant,
              why: Type.String(),
            },
            { description: 'the command that waits for the longest time' },
          ),
        ),
        seenAt: optional(Instant),
      }),
    ),
  },
  { description: 'commands that are taken from Kafka; absent without Kafka' },
);

interface EndpointQueryDeps {
  readonly db: Db;
  /** undefined without Kafka */
  readonly kafka: KafkaTopics | undefined;
}

/** Endpoints, their deliveries, and how far each subscription has come. */
export function registerEndpointQueries(app: Http, deps: EndpointQueryDeps): void {
  listRoute(app, deps.db);
  endpointRoute(app, deps.db);
  deliveriesRoute(app, deps.db);
  subscriptionsRoute(app, deps);
}

function listRoute(app: Http, db: Db): void {
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
}

function endpointRoute(app: Http, db: Db): void {
  app.get(
    '/v1/webhook-endpoints/:endpointId',
    {
      config,
      schema: {
        summary: 'A webhook endpoint',
        tags,
        params: EndpointPath,
        response: { 200: EndpointAnswer, ...problemsOf(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const found = await endpointViews(db).findOne({ _id: endpointId }, answering);
      if (found === null) throw noEndpoint(endpointId);
      return await reply.header('etag', `"${found.version}"`).send(endpointAnswer(found.state));
    },
  );
}

function deliveriesRoute(app: Http, db: Db): void {
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
        response: { 200: closed({ data: Type.Array(DeliveryAnswer) }), ...problemsOf(400, 503) },
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
}

function subscriptionsRoute(app: Http, { db, kafka }: EndpointQueryDeps): void {
  app.get(
    '/v1/subscriptions',
    {
      config: { access: 'events:read', work: 'list' },
      schema: {
        summary: 'How far each subscription of the feed has come: position, lag and failures',
        description:
          'With Kafka, `commands` says the same of the topic of commands, whose positions are offsets of its partitions.',
        tags: ['feed'],
        response: {
          200: closed({
            data: Type.Unsafe<readonly SubscriptionStatus[]>(Type.Array(Subscription)),
            commands: Type.Unsafe<CommandsStatus | undefined>(optional(Commands)),
          }),
          503: problem(503),
        },
      },
    },
    async (_request, reply) => {
      const [data, commands] = await Promise.all([
        subscriptionsStatus(db, kafka?.topic),
        kafka && commandsStatus(db, kafka.commandsTopic),
      ]);
      return await reply.send({ data, ...(commands && { commands }) });
    },
  );
}
