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
  /** The view has changed: drops it, and a read in progress is repeated. */
  invalidate(orderId: string): void;
  /** The view has at least this version: drops an older one, and a read in progress is repeated. */
  dropOlder(orderId: string, version: number): void;
  clear(): void;
}

export interface CacheBounds {
  readonly entries: number;
  /** the size of all views together; two bytes for each UTF-16 code unit */
  readonly bytes: number;
}

const DEFAULT_BOUNDS: CacheBounds = { entries: 10_000, bytes: 64 * 1024 * 1024 };

/** An LRU cache. */
export function createOrderCache({ entries, bytes }: CacheBounds = DEFAULT_BOUNDS): OrderCache {
  // A Map keeps insertion order, so its first entry is the least recently used.
  const kept = new Map<string, StoredView>();
  // A change of a view removes its read from here, so a read that is missing here may be stale.
  const reads = new Map<string, Promise<StoredView | undefined>>();
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

  function load(
    orderId: string,
    read: () => Promise<StoredView | undefined>,
  ): Promise<StoredView | undefined> {
    const shared = reads.get(orderId);
    if (shared !== undefined) return shared;
    const start = async (): Promise<StoredView | undefined> => {
      try {
        const view = await read();
        if (reads.get(orderId) !== started) return await load(orderId, read);
        if (view !== undefined) keep(orderId, view);
        return view;
      } finally {
        if (reads.get(orderId) === started) reads.delete(orderId);
      }
    };
    const started = start();
    reads.set(orderId, started);
    return started;
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
      reads.delete(orderId);
      drop(orderId);
    },
    dropOlder(orderId, version) {
      reads.delete(orderId);
      const view = kept.get(orderId);
      if (view !== undefined && view.version < version) drop(orderId);
    },
    clear() {
      reads.clear();
      kept.clear();
      size = 0;
    },
  };
}

function bytesOf(view: StoredView | undefined): number {
  return view === undefined ? 0 : 2 * view.json.length;
}
