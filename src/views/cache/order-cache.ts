import type { Concerns } from '../concerns.js';
import type { OrderDocument } from '../orders.js';

/** The view of an order, serialized as it is sent. */
export interface StoredView {
  readonly version: number;
  readonly json: string;
  /** absent if there are none */
  readonly concerns?: Concerns & Pick<OrderDocument, 'stopped'>;
}

/** A bounded LRU cache of views. It does not know where they come from. */
export interface OrderCache {
  get(orderId: string): StoredView | undefined;
  /**
   * Reads a view and keeps it. If it is invalidated, or a newer version is seen, during the read,
   * it is read again. Concurrent readers of one order share one read.
   */
  load(orderId: string, read: () => Promise<StoredView | undefined>): Promise<StoredView | undefined>;
  /** The view has changed: the cached one is dropped, and a read in progress is repeated. */
  invalidate(orderId: string): void;
  /** The view is known to have this version: anything older is dropped. */
  dropOlder(orderId: string, version: number): void;
  clear(): void;
}

export interface CacheBounds {
  readonly entries: number;
  /** of all views together, in UTF-16 */
  readonly bytes: number;
}

const defaultBounds: CacheBounds = { entries: 10_000, bytes: 64 * 1024 * 1024 };

/** A read in progress. */
interface Reading {
  /** Its result may be stale: it must be repeated. */
  readonly overtake: () => void;
  readonly result: Promise<StoredView | undefined>;
}

/** Evicts the least recently used. */
export function createOrderCache({ entries, bytes }: CacheBounds = defaultBounds): OrderCache {
  // A Map iterates in insertion order, so the first entry is the least recently used.
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

  function overtake(orderId: string): void {
    readings.get(orderId)?.overtake();
    readings.delete(orderId);
  }

  function load(
    orderId: string,
    read: () => Promise<StoredView | undefined>,
  ): Promise<StoredView | undefined> {
    const shared = readings.get(orderId);
    if (shared !== undefined) return shared.result;
    let isOvertaken = false;
    const start = async (): Promise<StoredView | undefined> => {
      try {
        const view = await read();
        if (isOvertaken) return await load(orderId, read);
        if (view !== undefined) keep(orderId, view);
        return view;
      } finally {
        if (readings.get(orderId) === reading) readings.delete(orderId);
      }
    };
    const reading: Reading = {
      overtake: () => {
        isOvertaken = true;
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
      overtake(orderId);
      drop(orderId);
    },
    dropOlder(orderId, version) {
      overtake(orderId);
      const view = kept.get(orderId);
      if (view !== undefined && view.version < version) drop(orderId);
    },
    clear() {
      for (const orderId of readings.keys()) overtake(orderId);
      kept.clear();
      size = 0;
    },
  };
}

function bytesOf(view: StoredView | undefined): number {
  return view === undefined ? 0 : 2 * view.json.length;
}
