import { pause } from '../../../concurrency/pause.js';
import { undefinedInOutage } from '../../../outages/mongo-outage.js';
import { type StreamPage, keepAlive } from './server-sent-events.js';

/** How many items are read at a time, at most. */
export const PAGE_SIZE = 200;
/** How often a stream without items sends a keep-alive. */
export const KEEP_ALIVE_MS = 15_000;
/** How often to try again in an outage. */
export const LOOK_AGAIN_MS = 1_000;

/** What a stream sends: pages of items, and keep-alives in between. */
export type Items = AsyncGenerator<StreamPage | typeof keepAlive>;

/** One page of a source. */
export interface SourcePage {
  readonly items: StreamPage;
  /** the number after which the stream continues; undefined if nothing was read */
  readonly last: number | undefined;
}

/** Where a stream reads its items, page by page. */
interface LiveSource {
  /** The items after the number `after`, `PAGE_SIZE` at most. */
  readonly read: (after: number) => Promise<SourcePage>;
  /** Waits until more are announced; false if `KEEP_ALIVE_MS` pass without any. */
  readonly waitForMore: (after: number) => Promise<boolean>;
  /** Whether the source has ended, so that no further item may follow those already read. */
  readonly isOver?: () => boolean;
  /** Where to continue if announced items do not exist, because a restore has lost them. */
  readonly skipLost?: (after: number) => Promise<number>;
}

/**
 * Yields the items of a source that follow the number `after`, now and in future. Yields
 * keep-alives during an outage of MongoDB.
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
    if (items.length === PAGE_SIZE) continue;
    isAnnounced = await waitForMore(last);
    if (!isAnnounced) yield keepAlive;
  }
}
