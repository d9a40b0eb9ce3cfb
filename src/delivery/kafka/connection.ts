import { isIP } from 'node:net';
import { Admin, type BaseOptions } from '@platformatic/kafka';
import { messageOf } from '../../outages/message-of.js';
import type { KafkaSettings } from './settings.js';

/** A call is repeated this often within the client; then its work is begun anew. */
const RETRIES = 5;
const RETRY_MS = 200;

export function clientOptions({ brokers, prefix, tls, sasl }: KafkaSettings): BaseOptions {
  const { serverName, ...files } = tls ?? {};
  return {
    clientId: prefix,
    bootstrapBrokers: brokers.map((broker) => ({ ...broker })),
    retries: RETRIES,
    retryDelay: RETRY_MS,
    ...(tls && { tls: files, tlsServerName: serverName ?? brokers.every(({ host }) => isIP(host) === 0) }),
    ...(sasl && { sasl }),
  };
}

/** Makes the topics that are missing. They have as many replicas as the brokers' default. */
export async function ensureTopics(
  settings: KafkaSettings,
  topics: readonly { readonly name: string; readonly isCompacted?: true }[],
): Promise<void> {
  const admin = new Admin(clientOptions(settings));
  try {
    const existing = new Set(await admin.listTopics());
    for (const { name, isCompacted } of topics) {
      if (existing.has(name)) continue;
      await admin
        .createTopics({
          topics: [name],
          partitions: isCompacted ? 1 : settings.partitions,
          replicas: -1,
          configs: isCompacted ? [{ name: 'cleanup.policy', value: 'compact' }] : [],
        })
        .catch((error: unknown) => {
          // Another process has just made it.
          if (!hasCode(error, 'TOPIC_ALREADY_EXISTS')) throw error;
        });
    }
  } finally {
    await admin.close().catch(() => undefined);
  }
}

/** Whether Kafka has answered with this error (the names are those of its protocol). */
export function hasCode(error: unknown, apiId: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('apiId' in error && error.apiId === apiId) return true;
  return 'errors' in error && Array.isArray(error.errors) && error.errors.some((one) => hasCode(one, apiId));
}

/** What went wrong: the client wraps the reason in a list of all its attempts. */
export function kafkaProblem(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return kafkaProblem(error.errors.at(-1));
  return messageOf(error);
}
