import type { Config } from '../../server/config.js';

/** How Kafka is reached, and what is called how there. */
export type KafkaSettings = NonNullable<Config['kafka']>;

export function topicsOf({ prefix }: Pick<KafkaSettings, 'prefix'>) {
  return {
    events: `${prefix}.events`,
    checkpoints: `${prefix}.events.checkpoints`,
    commands: `${prefix}.commands`,
    refused: `${prefix}.commands.refused`,
  };
}
