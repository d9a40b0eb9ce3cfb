/** How Kafka is reached, and what is called how there. */
export interface KafkaSettings {
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  /** the names of topics, of the consumer group and of the transactional id begin with it */
  readonly prefix: string;
  /** of a topic that this project makes */
  readonly partitions: number;
  readonly tls?: {
    readonly ca?: Buffer;
    readonly cert?: Buffer;
    readonly key?: Buffer;
    readonly serverName?: string;
  };
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  };
}

export function topicsOf({ prefix }: Pick<KafkaSettings, 'prefix'>) {
  return {
    events: `${prefix}.events`,
    checkpoints: `${prefix}.events.checkpoints`,
    commands: `${prefix}.commands`,
    refused: `${prefix}.commands.refused`,
  };
}
