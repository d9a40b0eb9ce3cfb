import { isIP } from 'node:net';
import type { Base, BaseOptions } from '@platformatic/kafka';
import { type BackOff, backOffMs } from '../concurrency/back-off.js';
import { withTimeout } from '../outages/timeout.js';
import type { KafkaSettings } from './settings.js';

/**
 * How many times the client repeats a call, within about a second. If all attempts fail, the caller
 * starts its work again.
 */
const MAX_RETRIES = 7;
/**
 * The first pauses are short, because some failures last only a moment: a broker refuses the next
 * transaction while it still ends the last one, and does not know a topic that was just created.
 */
const RETRY_BACK_OFF: BackOff = { firstRetryMs: 10, maxRetryMs: 640 };
const CLOSE_WITHIN_MS = 1_500;

export function clientOptions({ brokers, tls, sasl }: KafkaSettings): BaseOptions {
  const { serverName, ...files } = tls ?? {};
  return {
    clientId: 'orders',
    bootstrapBrokers: brokers.map((broker) => ({ ...broker })),
    retries: MAX_RETRIES,
    retryDelay: (_client, _operation, attempt) => backOffMs(attempt, RETRY_BACK_OFF),
    // `tlsServerName: true` stands for each broker's own host name. An IP address cannot be a
    // server name (SNI).
    ...(tls && { tls: files, tlsServerName: serverName ?? brokers.every(({ host }) => isIP(host) === 0) }),
    ...(sasl && { sasl }),
  };
}

type Client = Pick<Base, 'connections' | 'on'> & { close(): Promise<void> };

/** Runs `work` with a client. Closes the client when `work` ends, or when `signal` aborts. */
export async function withClient<C extends Client, T>(
  client: C,
  signal: AbortSignal | undefined,
  work: (client: C) => Promise<T>,
): Promise<T> {
  // A failed call rejects its promise. The client may also emit `error`, which would end the
  // process if there were no listener.
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
