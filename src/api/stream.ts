import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { inTurn } from '../concurrency/mutex.js';

/** One Server-Sent Event; its id is what a client resumes after (`Last-Event-ID`). */
export interface StreamItem {
  readonly id: number;
  readonly data: object;
}

/** Items that are there already, in order. One and the same page is made into bytes once, however many streams send it. */
export type StreamPage = readonly StreamItem[];

/** Sent while there is nothing to say, so that neither side takes the other for dead. */
export const keepAlive = Symbol('keep-alive');

const RECONNECT_MS = 1_000;
/** What is written at once. */
const CHUNK = 64 * 1024;
/** Of all streams of the process: what a socket takes is megabytes, whether or not the client reads. */
const turn = inTurn();

/**
 * Sends pages of items as Server-Sent Events until they end, fail, or the client goes (`signal` says so to their source). The
 * next page is asked for when the last one has left: a slow reader costs time, and no memory but a page. One that reads nothing
 * is cut by the server (`HttpLimits.movesWithinMs`).
 */
export async function sendStream(
  reply: FastifyReply,
  pages: AsyncIterable<StreamPage | typeof keepAlive>,
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
    for await (const page of pages) {
      const bytes = page === keepAlive ? Buffer.from(': keep-alive\n\n') : bytesOf(page);
      for (let start = 0; start < bytes.length && !signal.aborted; start += CHUNK) {
        const chunk = bytes.subarray(start, start + CHUNK);
        if (bytes.length < CHUNK) raw.write(chunk);
        else await turn(async () => raw.write(chunk));
        if (raw.writableNeedDrain) await once(raw, 'drain', { signal });
      }
      if (signal.aborted) break;
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

const bytesOfPages = new WeakMap<StreamPage, Buffer>();

function bytesOf(page: StreamPage): Buffer {
  const known = bytesOfPages.get(page);
  if (known !== undefined) return known;
  const texts = page.map(({ id, data }) => `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
  const bytes = Buffer.from(texts.join(''));
  bytesOfPages.set(page, bytes);
  return bytes;
}
