import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { inTurn } from './in-turn.js';

/** One Server-Sent Event; its id is what a client resumes after (`Last-Event-ID`). */
export interface StreamItem {
  readonly id: number;
  readonly data: object;
}

/** Sent while there is nothing to say, so that neither side takes the other for dead. */
export const keepAlive = Symbol('keep-alive');

const RECONNECT_MS = 1_000;
/** What is written at once, about: many small writes keep the event loop busy. */
const CHUNK = 64 * 1024;
/** Of all streams of the process: what a socket takes is megabytes, whether or not the client reads. */
const turn = inTurn();

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
  let text = '';
  let flushing: NodeJS.Immediate | undefined;
  const flush = (): void => {
    if (flushing !== undefined) clearImmediate(flushing);
    flushing = undefined;
    if (text !== '') raw.write(text);
    text = '';
  };
  try {
    for await (const item of items) {
      if (signal.aborted) break;
      text += textOf(item);
      if (text.length >= CHUNK) await turn(async () => flush());
      else flushing ??= setImmediate(flush);
      if (raw.writableNeedDrain) await once(raw, 'drain', { signal });
    }
  } catch (error) {
    // Nothing can be answered any more: the client comes again, and goes on after the last id it has.
    if (!signal.aborted) reply.log.warn({ err: error }, 'a stream ends early');
  } finally {
    flush();
    // What is not read would keep the connection, and the server, from closing.
    if (raw.writableNeedDrain) raw.destroy();
    else raw.end();
  }
}

/** Of each item once, however many streams send it. */
const texts = new WeakMap<StreamItem, string>();

function textOf(item: StreamItem | typeof keepAlive): string {
  if (item === keepAlive) return ': keep-alive\n\n';
  const known = texts.get(item);
  if (known !== undefined) return known;
  const text = `id: ${item.id}\ndata: ${JSON.stringify(item.data)}\n\n`;
  texts.set(item, text);
  return text;
}
