import type { Config } from '../../server/config.js';

/** How Kafka is reached, and the names that are used there. */
export type KafkaSettings = NonNullable<Config['kafka']>;

export function topicsOf({ topic, commandsTopic }: Pick<KafkaSettings, 'topic' | 'commandsTopic'>) {
  return {
    events: topic,
    checkpoints: `${topic}.checkpoints`,
    commands: commandsTopic,
    refused: `${commandsTopic}.refused`,
  };
}
