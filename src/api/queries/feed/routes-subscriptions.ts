import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { type CommandsStatus, commandsStatus } from '../../../kafka/commands-status.js';
import type { KafkaTopics } from '../../../kafka/settings.js';
import { type SubscriptionStatus, subscriptionsStatus } from '../../../delivery/subscription-status.js';
import type { Http } from '../../http.js';
import { problemResponses } from '../../problem.js';
import { Subscription } from '../../schemas/subscription.js';
import { Instant } from '../../schemas/order.js';
import { closed } from '../../schemas/values.js';

const optional = Type.Optional;

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

interface SubscriptionDeps {
  readonly db: Db;
  /** undefined without Kafka */
  readonly kafka: KafkaTopics | undefined;
}

/** Serves the progress of each subscription of the feed, and of taking commands from Kafka. */
export function registerSubscriptions(app: Http, { db, kafka }: SubscriptionDeps): void {
  app.get(
    '/v1/subscriptions',
    {
      config: { access: 'events:read', work: 'list' },
      schema: {
        summary: 'Position, lag and failures of each subscription of the feed',
        description:
          'With Kafka, `commands` says the same of the topic of commands, whose positions are offsets of its partitions.',
        tags: ['feed'],
        response: {
          200: closed({
            data: Type.Unsafe<readonly SubscriptionStatus[]>(Type.Array(Subscription)),
            commands: Type.Unsafe<CommandsStatus | undefined>(optional(Commands)),
          }),
          ...problemResponses(503),
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
