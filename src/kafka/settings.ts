import type { Config } from '../server/config.js';

/** The connection to Kafka, the names and partitions of topics, and which events are published. */
export type KafkaSettings = NonNullable<Config['kafka']>;

/** The names of two topics, from which the names of the other topics are derived (`topicsOf`). */
export type KafkaTopics = Pick<KafkaSettings, 'topic' | 'commandsTopic'>;

export function topicsOf({ topic, commandsTopic }: KafkaTopics) {
  return {
    events: topic,
    checkpoints: `${topic}.checkpoints`,
    commands: commandsTopic,
    refused: `${commandsTopic}.refused`,
  };
}
