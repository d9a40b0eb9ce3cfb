import type { AttentionTimes } from '../attention-times.js';
import type { OrderDocument } from '../orders.js';

/** An order in its public shape, serialized as it is sent. */
export interface SerializedOrder {
  readonly version: number;
  readonly json: string;
  /** absent if none of the times is set, and the order has not stopped */
  readonly attention?: AttentionTimes & Pick<OrderDocument, 'stopped'>;
}

/**
 * Keeps the most recently read orders, within `CacheBounds`. The caller of `load` passes the
 * function that reads.
 */
export interface LruCache {
  get(orderId: string): SerializedOrder | undefined;
  /**
   * Reads an order and keeps it. If `invalidate` or `dropOlder` is called during the read, the
   * order is read again. Concurrent callers for one order share one read.
   */
  load(
    orderId: string,
    read: () => Promise<SerializedOrder | undefined>,
  ): Promise<SerializedOrder | undefined>;
  /** Drops an order that has changed, and repeats a read of it that is in progress. */
  invalidate(orderId: string): void;
  /**
   * Drops the order if it is older than this version. A read in progress is repeated in any case.
   */
  dropOlder(orderId: string, version: number): void;
  clear(): void;
}

export interface CacheBounds {
  readonly entries: number;
  /** maximum size of all orders together, with two bytes for each UTF-16 code unit */
  readonly bytes: number;
}

const DEFAULT_BOUNDS: CacheBounds = { entries: 10_000, bytes: 64 * 1024 * 1024 };

export function createLruCache({ entries, bytes }: CacheBounds = DEFAULT_BOUNDS): LruCache {
  // A Map keeps insertion order, so its first entry is the least recently used.
  const kept = new Map<string, SerializedOrder>();
  // A change of an order removes its read from here, so a read that is missing here may be stale.
  const reads = new Map<string, Promise<SerializedOrder | undefined>>();
  let size = 0;

  function drop(orderId: string): void {
    size -= bytesOf(kept.get(orderId));
    kept.delete(orderId);
  }

  function keep(orderId: string, order: SerializedOrder): void {
    drop(orderId);
    if (bytesOf(order) > bytes) return;
    kept.set(orderId, order);
    size += bytesOf(order);
    for (const [oldest] of kept) {
      if (kept.size <= entries && size <= bytes) return;
      drop(oldest);
    }
  }

  function load(
    orderId: string,
    read: () => Promise<SerializedOrder | undefined>,
  ): Promise<SerializedOrder | undefined> {
    const shared = reads.get(orderId);
    if (shared !== undefined) return shared;
    const start = async (): Promise<SerializedOrder | undefined> => {
      try {
        const order = await read();
        if (reads.get(orderId) !== started) return await load(orderId, read);
        if (order !== undefined) keep(orderId, order);
        return order;
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
      const order = kept.get(orderId);
      if (order === undefined) return undefined;
      kept.delete(orderId);
      kept.set(orderId, order);
      return order;
    },
    load,
    invalidate(orderId) {
      reads.delete(orderId);
      drop(orderId);
    },
    dropOlder(orderId, version) {
      reads.delete(orderId);
      const order = kept.get(orderId);
      if (order !== undefined && order.version < version) drop(orderId);
    },
    clear() {
      reads.clear();
      kept.clear();
      size = 0;
    },
  };
}

function bytesOf(order: SerializedOrder | undefined): number {
  return order === undefined ? 0 : 2 * order.json.length;
}
