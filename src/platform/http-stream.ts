import { once } from 'node:events';
import type { FastifyReply } from 'fastify';

/** One Server-Sent Event; its id is what a client resumes after (`Last-Event-ID`). */
export interface StreamItem {
  readonly id: number;
  readonly data: object;
}

/** Sent while there is nothing to say, so that neither side takes the other for dead. */
export const keepAlive = Symbol('keep-alive');

const RECONNECT_MS = 1_000;

/**
 * Sends items as Server-Sent Events until they end, fail, or the client goes (`signal` says so to their source). The next
 * item is asked for when the last one has left: a slow reader costs time, never memory. One that reads nothing is cut by the
 * server (`HttpLimits.movesWithinMs`).
 */
export async function sendStream(
  reply: FastifyReply,
  items: AsyncIterable<StreamItem | typeof keepAlive>,
  signal: AbortSignal,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write(`retry: ${RECONNECT_MS}\n\n`);
  try {
    for await (const item of items) {
      const text =
        item === keepAlive ? ': keep-alive\n\n' : `id: ${item.id}\ndata: ${JSON.stringify(item.data)}\n\n`;
      if (signal.aborted) break;
      if (!raw.write(text)) await once(raw, 'drain', { signal });
    }
  } catch (error) {
    // Nothing can be answered any more: the client comes again, and goes on after the last id it has.
    if (!signal.aborted) reply.log.warn({ err: error }, 'a stream ends early');
  } finally {
    // What is not read would keep the connection, and the server, from closing.
    if (raw.writableNeedDrain) raw.destroy();
    else raw.end();
  }
}
