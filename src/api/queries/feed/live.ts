import type { FastifyReply } from 'fastify';
import { pause } from '../../../concurrency/pause.js';
import { undefinedInOutage } from '../../../outages/mongo-outage.js';
import { isTemporalOutage } from '../../../outages/temporal-outage.js';
import { type StreamPage, keepAlive, sendStream } from './stream.js';

/** How many items are read at a time, at most. */
export const PAGE = 200;
/** How often a stream without items sends a keep-alive. */
export const KEEP_ALIVE_MS = 15_000;
/** How often to try again in an outage. */
const LOOK_AGAIN_MS = 1_000;

/** What a stream sends: pages of items, and keep-alives in between. */
export type Items = AsyncGenerator<StreamPage | typeof keepAlive>;

/**
 * Streams the items that `open` gives. In an outage the stream is opened and waits, because a
 * browser that gets 503 does not connect again by itself. If it turns out later that the stream
 * cannot be resumed, it ends, and the client gets the refusal when it connects again.
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

/** What a stream reads, page by page. */
interface LiveSource {
  /** The items after a place, `PAGE` at most, and the place of the last one. */
  readonly read: (
    after: number,
  ) => Promise<{ readonly items: StreamPage; readonly last: number | undefined }>;
  /** Waits until more are announced; false if `KEEP_ALIVE_MS` pass without any. */
  readonly waitForMore: (after: number) => Promise<boolean>;
  /** Whether the source has ended, so that no further item may follow those already read. */
  readonly isOver?: () => boolean;
  /** Where to continue if announced items do not exist, because a restore has lost them. */
  readonly skipLost?: (after: number) => Promise<number>;
}

/**
 * Yields all items of a source after `after`, now and in future. Waits out an outage of MongoDB.
 */
export async function* live(
  after: number,
  { read, waitForMore, isOver = () => false, skipLost }: LiveSource,
  signal: AbortSignal,
): Items {
  let last = after;
  let isAnnounced = false;
  while (!signal.aborted && !isOver()) {
    const found = await undefinedInOutage(read(last));
    if (found === undefined) {
      yield keepAlive;
      await pause(LOOK_AGAIN_MS, signal);
      continue;
    }
    const { items } = found;
    if (items.length > 0) yield items;
    last = found.last ?? last;
    if (found.last === undefined && isAnnounced && skipLost !== undefined)
      last = (await undefinedInOutage(skipLost(last))) ?? last;
    if (items.length === PAGE) continue;
    isAnnounced = await waitForMore(last);
    if (!isAnnounced) yield keepAlive;
  }
}
