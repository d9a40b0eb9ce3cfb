import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { createThrottledMutex } from '../../../concurrency/throttled-mutex.js';

/** One Server-Sent Event; a client resumes after its id (`Last-Event-ID`). */
export interface StreamItem {
  readonly id: number | string;
  /** absent if the item only gives the client a later id, because events were left out */
  readonly data?: object;
}

/** Items in order. A page that is sent to several streams is serialized once. */
export type StreamPage = readonly StreamItem[];

/** Sent while there are no events, so that neither side considers the other dead. */
export const keepAlive = Symbol('keep-alive');

const RECONNECT_MS = 1_000;
/** Bytes in one write. */
const CHUNK_BYTES = 64 * 1024;
/**
 * While one stream writes a chunk of a large page, no other stream of the process does. Otherwise
 * each socket could buffer megabytes in one call, even if its client does not read.
 */
const oneAtATime = createThrottledMutex();

/**
 * Sends pages of items as Server-Sent Events until they end or fail, or until the client
 * disconnects (then `signal` aborts). The next page is requested when the last one was sent, so a
 * slow reader needs no more memory than one page. The server closes the connection of a client that
 * stops reading (`HttpOptions.closesIdleAfterMs`).
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
      for (let start = 0; start < bytes.length && !signal.aborted; start += CHUNK_BYTES) {
        const chunk = bytes.subarray(start, start + CHUNK_BYTES);
        if (bytes.length < CHUNK_BYTES) raw.write(chunk);
        else await oneAtATime(async () => raw.write(chunk));
        if (raw.writableNeedDrain) await once(raw, 'drain', { signal });
      }
      if (signal.aborted) break;
    }
  } catch (error) {
    // The headers were sent, so the client cannot get the error: it reconnects after its last id.
    if (!signal.aborted) reply.log.warn({ err: error }, 'a stream failed');
  } finally {
    // Unread data would prevent the connection, and so the server, from closing.
    if (raw.writableNeedDrain) raw.destroy();
    else raw.end();
  }
}

const bytesOfPages = new WeakMap<StreamPage, Buffer>();

function bytesOf(page: StreamPage): Buffer {
  const known = bytesOfPages.get(page);
  if (known !== undefined) return known;
  const texts = page.map(({ id, data }) =>
    data === undefined ? `id: ${id}\n\n` : `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`,
  );
  const bytes = Buffer.from(texts.join(''));
  bytesOfPages.set(page, bytes);
  return bytes;
}
