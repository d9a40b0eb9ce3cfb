import type { AttentionTimes } from '../attention-times.js';
import type { OrderDocument } from '../orders.js';

/** The view of an order, serialized as it is sent. */
export interface StoredView {
  readonly version: number;
  readonly json: string;
  /** absent if none of the times is set, and the order has not stopped */
  readonly attention?: AttentionTimes & Pick<OrderDocument, 'stopped'>;
}

/** The most recently read views, within `CacheBounds`. Loading them is up to the caller. */
export interface OrderCache {
  get(orderId: string): StoredView | undefined;
  /**
   * Reads a view and keeps it. If the view is invalidated or a newer version is seen meanwhile, it
   * is read again. Concurrent callers for one order share one read.
   */
  load(orderId: string, read: () => Promise<StoredView | undefined>): Promise<StoredView | undefined>;
  /** The view has changed: drops it, and discards a read that is in progress. */
  invalidate(orderId: string): void;
  /** The view has at least this version: drops an older view, and discards a read in progress. */
  dropOlder(orderId: string, version: number): void;
  clear(): void;
}

export interface CacheBounds {
  readonly entries: number;
  /** the size of all views together; two bytes for each UTF-16 code unit */
  readonly bytes: number;
}

const DEFAULT_BOUNDS: CacheBounds = { entries: 10_000, bytes: 64 * 1024 * 1024 };

interface Reading {
  /** Marks the result as possibly stale, so that it is read again. */
  readonly discard: () => void;
  readonly result: Promise<StoredView | undefined>;
}

/** An LRU cache. */
export function createOrderCache({ entries, bytes }: CacheBounds = DEFAULT_BOUNDS): OrderCache {
  // A Map keeps insertion order, so its first entry is the least recently used.
  const kept = new Map<string, StoredView>();
  const readings = new Map<string, Reading>();
  let size = 0;

  function drop(orderId: string): void {
    size -= bytesOf(kept.get(orderId));
    kept.delete(orderId);
  }

  function keep(orderId: string, view: StoredView): void {
    drop(orderId);
    if (bytesOf(view) > bytes) return;
    kept.set(orderId, view);
    size += bytesOf(view);
    for (const [oldest] of kept) {
      if (kept.size <= entries && size <= bytes) return;
      drop(oldest);
    }
  }

  function discard(orderId: string): void {
    readings.get(orderId)?.discard();
    readings.delete(orderId);
  }

  function load(
    orderId: string,
    read: () => Promise<StoredView | undefined>,
  ): Promise<StoredView | undefined> {
    const shared = readings.get(orderId);
    if (shared !== undefined) return shared.result;
    let isDiscarded = false;
    const start = async (): Promise<StoredView | undefined> => {
      try {
        const view = await read();
        if (isDiscarded) return await load(orderId, read);
        if (view !== undefined) keep(orderId, view);
        return view;
      } finally {
        if (readings.get(orderId) === reading) readings.delete(orderId);
      }
    };
    const reading: Reading = {
      discard: () => {
        isDiscarded = true;
      },
      result: start(),
    };
    readings.set(orderId, reading);
    return reading.result;
  }

  return {
    get(orderId) {
      const view = kept.get(orderId);
      if (view === undefined) return undefined;
      kept.delete(orderId);
      kept.set(orderId, view);
      return view;
    },
    load,
    invalidate(orderId) {
      discard(orderId);
      drop(orderId);
    },
    dropOlder(orderId, version) {
      discard(orderId);
      const view = kept.get(orderId);
      if (view !== undefined && view.version < version) drop(orderId);
    },
    clear() {
      for (const orderId of readings.keys()) discard(orderId);
      kept.clear();
      size = 0;
    },
  };
}

function bytesOf(view: StoredView | undefined): number {
  return view === undefined ? 0 : 2 * view.json.length;
}
