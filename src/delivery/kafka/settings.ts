import type { Config } from '../../server/config.js';

/** How Kafka is reached, and the names that are used there. */
export type KafkaSettings = NonNullable<Config['kafka']>;

/** The names that the others follow from. */
export type KafkaTopics = Pick<KafkaSettings, 'topic' | 'commandsTopic'>;

export function topicsOf({ topic, commandsTopic }: KafkaTopics) {
  return {
    events: topic,
    checkpoints: `${topic}.checkpoints`,
    commands: commandsTopic,
    refused: `${commandsTopic}.refused`,
  };
}
