import type { Db } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { committed } from '../../mongodb/durability.js';
import { undefinedInOutage } from '../../outages/mongo-outage.js';
import { createBatcher } from '../../concurrency/batcher.js';
import { withTimeout } from '../../outages/timeout.js';
import { type OrderDocument, orders, viewAndAttention, withoutCommands } from '../orders.js';
import { type SerializedOrder, createLruCache } from './lru-cache.js';
import { followOrders, type OrderChangeListener, type OrderProgress } from './order-changes.js';

/**
 * Orders as the state view has them, in one process: recent ones from memory, which a change stream
 * keeps current. For one order, answers never go back to an older version, and never below the
 * version asked for. While the stream is not live, every read goes to MongoDB.
 */
export interface CachedOrders {
  /**
   * @param atLeast a version that the view is known to have; a cached view with an older one is not
   *   used
   * @returns undefined if there is no view
   * @throws DeadlineExceeded after 1.5 s, or MongoError before
   */
  read(orderId: string, atLeast?: number): Promise<SerializedOrder | undefined>;
  /**
   * Waits until `isEnough` holds for the view of an order, or time is up. An outage of MongoDB is
   * treated like a view that lags.
   *
   * @returns the progress seen last, enough or not; undefined if no view was seen
   */
  reach(
    orderId: string,
    isEnough: (progress: OrderProgress) => boolean,
    withinMs: number,
  ): Promise<OrderProgress | undefined>;
  /**
   * Reports that a client has seen this version elsewhere, for example in a list. From now on,
   * older versions are not returned.
   */
  seen(orderId: string, version: number): void;
  /** How reads were answered so far: for diagnosis and tests. */
  readonly counts: Readonly<Record<'hits' | 'misses' | 'bypasses', number>>;
  close(): Promise<void>;
}

const READ_WITHIN_MS = 1_500;
/**
 * Shorter than `READ_WITHIN_MS`, so that MongoDB itself reports a slow query (`isQueryTooSlow`). A
 * timeout would look like an outage.
 */
const withTimeLimit = { ...committed, maxTimeMS: 1_000 } as const;
/**
 * Reads that arrive together share one query. Four queries may run at a time, so that a slow one
 * does not block the others.
 */
const READ_BATCHES = { size: 100, concurrency: 4 };
/** Minimum time for a query, even if the caller's time is already up. */
const MIN_POLL_MS = 100;
/** Pause between two polls of an awaited view, unless the change stream wakes the waiter. */
const LIVE_PAUSE_MS = 1_000;
/** The pause while the stream is not live grows from this time to `MAX_BLIND_PAUSE_MS`. */
const FIRST_BLIND_PAUSE_MS = 10;
const MAX_BLIND_PAUSE_MS = 250;

/** @param liveForMs see `followOrders` */
export function openCachedOrders(db: Db, liveForMs?: number): CachedOrders {
  const cache = createLruCache();
  const waiting = new Map<string, Set<(progress: OrderProgress) => void>>();
  const listener: OrderChangeListener = {
    changed(orderId, progress) {
      cache.invalidate(orderId);
      if (progress !== undefined) waiting.get(orderId)?.forEach((tell) => tell(progress));
    },
    lost: () => cache.clear(),
  };
  const stream = followOrders(db, listener, liveForMs);
  const counts = { hits: 0, misses: 0, bypasses: 0 };

  const find = createBatcher(READ_BATCHES, async (orderIds: readonly string[]) => {
    const found = await withTimeout(
      READ_WITHIN_MS,
      orders(db)
        .find({ _id: { $in: orderIds } }, { ...withTimeLimit, projection: viewAndAttention })
        .toArray(),
    );
    return new Map(found.map((document) => [document.orderId, serialized(document)]));
  });

  async function load(orderId: string): Promise<SerializedOrder | undefined> {
    return (await withTimeout(READ_WITHIN_MS, find(orderId))).get(orderId);
  }

  async function poll(orderId: string, giveUpAt: number): Promise<OrderProgress | undefined> {
    const projection = { _id: 0, version: 1, status: 1, settled: 1 };
    const found = await undefinedInOutage(
      withTimeout(
        Math.max(MIN_POLL_MS, giveUpAt - Date.now()),
        orders(db).findOne({ _id: orderId }, { ...withTimeLimit, projection }),
      ),
    );
    return found ?? undefined;
  }

  return {
    counts,
    async read(orderId, atLeast = 1) {
      if (!stream.isLive()) {
        counts.bypasses += 1;
        const view = await load(orderId);
        if (view !== undefined) cache.dropOlder(orderId, view.version);
        return view;
      }
      const known = cache.get(orderId);
      if (known !== undefined && known.version >= atLeast) {
        counts.hits += 1;
        return known;
      }
      counts.misses += 1;
      if (known !== undefined) cache.invalidate(orderId);
      return await cache.load(orderId, () => load(orderId));
    },
    async reach(orderId, isEnough, withinMs) {
      const giveUpAt = Date.now() + withinMs;
      let seen: OrderProgress | undefined;
      const wake = new AbortController();
      const see = (progress: OrderProgress | undefined): void => {
        if (progress === undefined || progress.version < (seen?.version ?? 0)) return;
        seen = progress;
        cache.dropOlder(orderId, progress.version);
      };
      const tell = (progress: OrderProgress): void => {
        see(progress);
        if (seen !== undefined && isEnough(seen)) wake.abort();
      };
      const others = waiting.get(orderId) ?? new Set<(progress: OrderProgress) => void>();
      waiting.set(orderId, others.add(tell));
      try {
        for (let blindMs = FIRST_BLIND_PAUSE_MS; ; blindMs = Math.min(blindMs * 1.5, MAX_BLIND_PAUSE_MS)) {
          see(await poll(orderId, giveUpAt));
          if (seen !== undefined && isEnough(seen)) return seen;
          const pauseMs = Math.min(stream.isLive() ? LIVE_PAUSE_MS : blindMs, giveUpAt - Date.now());
          if (pauseMs <= 0) return seen;
          await pause(pauseMs, wake.signal);
          if (seen !== undefined && isEnough(seen)) return seen;
        }
      } finally {
        others.delete(tell);
        if (others.size === 0) waiting.delete(orderId);
      }
    },
    seen: (orderId, version) => cache.dropOlder(orderId, version),
    close: () => stream.stop(),
  };
}

function serialized({
  owedSince,
  pendingSince,
  unmatchedSince,
  stopped,
  ...view
}: OrderDocument): SerializedOrder {
  const attention = {
    ...(owedSince !== undefined && { owedSince }),
    ...(pendingSince !== undefined && { pendingSince }),
    ...(unmatchedSince !== undefined && { unmatchedSince }),
    ...(stopped !== undefined && { stopped }),
  };
  const hasNone = Object.keys(attention).length === 0;
  const shownView = stopped === undefined ? view : withoutCommands(view, stopped);
  return { version: view.version, json: JSON.stringify(shownView), ...(hasNone ? {} : { attention }) };
}
