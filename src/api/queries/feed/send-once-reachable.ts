import type { FastifyReply } from 'fastify';
import { pause } from '../../../concurrency/pause.js';
import { undefinedInOutage } from '../../../outages/mongo-outage.js';
import { isTemporalOutage } from '../../../outages/temporal-outage.js';
import { type Items, LOOK_AGAIN_MS } from './live.js';
import { keepAlive, sendStream } from './server-sent-events.js';

/**
 * Streams the items that `open` returns. In an outage, the stream begins with keep-alives until
 * `open` succeeds, because a browser that gets 503 does not connect again by itself. If `open` then
 * refuses, the stream ends, and the client gets the refusal when it connects again.
 */
export async function sendOnceReachable(
  reply: FastifyReply,
  closing: AbortSignal,
  open: (signal: AbortSignal) => Promise<Items>,
): Promise<void> {
  const signal = untilGone(reply, closing);
  const items = await unlessUnreachable(open(signal));
  await sendStream(reply, items ?? onceReachable(() => open(signal), signal), signal);
}

/** Aborts when the client disconnects or this process stops. */
function untilGone({ raw }: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const end = (): void => {
    closing.removeEventListener('abort', end);
    gone.abort();
  };
  closing.addEventListener('abort', end);
  raw.once('close', end);
  if (raw.destroyed || closing.aborted) end();
  return gone.signal;
}

async function* onceReachable(open: () => Promise<Items>, signal: AbortSignal): Items {
  while (!signal.aborted) {
    const items = await unlessUnreachable(open());
    if (items !== undefined) {
      yield* items;
      break;
    }
    yield keepAlive;
    await pause(LOOK_AGAIN_MS, signal);
  }
}

/** The result; undefined in an outage of MongoDB or Temporal. */
async function unlessUnreachable<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await undefinedInOutage(asked);
  } catch (error) {
    if (isTemporalOutage(error)) return undefined;
    throw error;
  }
}
