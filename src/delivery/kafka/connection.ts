import { isIP } from 'node:net';
import { Admin, type Base, type BaseOptions } from '@platformatic/kafka';
import { type BackOff, backOffMs } from '../../concurrency/back-off.js';
import { messageOf } from '../../outages/message-of.js';
import { withTimeout } from '../../outages/timeout.js';
import type { KafkaSettings } from './settings.js';

/**
 * How often the client repeats a call, within about a second. If all fail, the caller starts its
 * work again.
 */
const RETRIES = 7;
/**
 * Short at first: for a moment, a broker that still ends the last transaction refuses the next, and
 * does not know a topic that was just created.
 */
const retrying: BackOff = { firstRetryMs: 10, longestRetryMs: 640 };
const CLOSE_WITHIN_MS = 1_500;
/**
 * Maximum size of an event: what a request of one megabyte contains, a third more for sealed
 * persons, and what the domain adds.
 */
const MOST_RECORD_BYTES = 4 * 1_048_576;

export function clientOptions({ brokers, tls, sasl }: KafkaSettings): BaseOptions {
  const { serverName, ...files } = tls ?? {};
  return {
    clientId: 'orders',
    bootstrapBrokers: brokers.map((broker) => ({ ...broker })),
    retries: RETRIES,
    retryDelay: (_client, _operation, attempt) => backOffMs(attempt, retrying),
    ...(tls && { tls: files, tlsServerName: serverName ?? brokers.every(({ host }) => isIP(host) === 0) }),
    ...(sasl && { sasl }),
  };
}

type Client = Pick<Base, 'connections' | 'on'> & { close(): Promise<void> };

/** Runs `work` with a client. Closes the client at its end, or when `signal` aborts. */
export async function withClient<C extends Client, T>(
  client: C,
  signal: AbortSignal | undefined,
  work: (client: C) => Promise<T>,
): Promise<T> {
  // A failed call rejects its promise; without a listener, the event would end the process.
  client.on('error', () => undefined);
  const close = () => void closeClient(client);
  signal?.addEventListener('abort', close, { once: true });
  try {
    signal?.throwIfAborted();
    return await work(client);
  } finally {
    signal?.removeEventListener('abort', close);
    await closeClient(client);
  }
}

/** Closes a client within a time limit, even if the broker hangs and data is still to be sent. */
export async function closeClient(client: Client): Promise<void> {
  const sockets = [...client.connections].map(([, { socket }]) => socket);
  await withTimeout(CLOSE_WITHIN_MS, client.close()).catch(() => undefined);
  for (const socket of sockets) socket.destroy();
}

interface TopicToMake {
  readonly name: string;
  readonly isCompacted?: true;
  /**
   * whether brokers decompress its records. Producers choose the compression, and this client does
   * not know every one; and a small batch may be huge once it is decompressed.
   */
  readonly isDecompressed?: true;
}

/** Creates the topics that are missing, with the brokers' default number of replicas. */
export async function ensureTopics(
  settings: KafkaSettings,
  topics: readonly TopicToMake[],
  signal?: AbortSignal,
): Promise<void> {
  await withClient(new Admin(clientOptions(settings)), signal, async (admin) => {
    const existing = new Set(await admin.listTopics());
    for (const { name, isCompacted, isDecompressed } of topics) {
      if (existing.has(name)) continue;
      await admin
        .createTopics({
          topics: [name],
          partitions: isCompacted ? 1 : settings.partitions,
          replicas: -1,
          configs: [
            isCompacted
              ? { name: 'cleanup.policy', value: 'compact' }
              : { name: 'max.message.bytes', value: String(MOST_RECORD_BYTES) },
            ...(isDecompressed ? [{ name: 'compression.type', value: 'uncompressed' }] : []),
          ],
        })
        .catch((error: unknown) => {
          // Another process has just made it.
          if (!hasCode(error, 'TOPIC_ALREADY_EXISTS')) throw error;
        });
    }
  });
}

/** Whether the error is, or contains, this error of Kafka's protocol. */
export function hasCode(error: unknown, apiId: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('apiId' in error && error.apiId === apiId) return true;
  return 'errors' in error && Array.isArray(error.errors) && error.errors.some((one) => hasCode(one, apiId));
}

function reasonsOf(error: unknown): readonly unknown[] {
  const isList = error instanceof AggregateError && error.errors.length > 0;
  return isList ? error.errors.flatMap(reasonsOf) : [error];
}

/** The rights that the guide names, by the resource in Kafka's message. */
const rights = {
  Topic:
    'read and write the topic of the events and the one of its checkpoints, read the topic of the commands, and write the one of the refused commands',
  Group: 'read the consumer group that has the name of the topic of the commands',
  'Transactional Id': 'write with the transactional id that has the name of the topic of the events',
  Cluster: 'create topics, unless all are there',
} as const;

/**
 * The reason of a failure in words. The client nests errors in lists, one for each attempt and each
 * part of a request.
 */
export function kafkaProblem(error: unknown): string {
  const reasons = reasonsOf(error);
  // If a request is refused for one topic, its other topics have this error.
  const reason = reasons.findLast((one) => !hasCode(one, 'OPERATION_NOT_ATTEMPTED')) ?? reasons.at(-1);
  const problem = messageOf(reason);
  const lacking = Object.entries(rights).find(([kind]) => problem.startsWith(`${kind} authorization failed`));
  return lacking === undefined ? problem : `${problem} KAFKA_USERNAME needs the right to ${lacking[1]}.`;
}
