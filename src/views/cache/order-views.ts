import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { committed } from '../../log/journal/durability.js';
import { unlessAway } from '../../outages/mongo-outage.js';
import { inGroups } from '../../concurrency/batcher.js';
import { within } from '../../outages/timeout.js';
import { type OrderDocument, orders, viewAndConcerns, withoutCommands } from '../orders.js';
import { type OrderCache, type StoredView, createOrderCache } from './order-cache.js';
import { followOrders, type OrderProgress } from './order-changes.js';

/**
 * The views of orders as one process reads them: from a cache, which a change stream invalidates.
 * Reads of an order are monotonic, and never older than the version that was asked for. While the
 * stream is down, every read goes to MongoDB.
 */
export interface OrderViews {
  /**
   * @param atLeast a version that the view is known to have: an older one in the cache is not used
   * @returns undefined if there is no view
   * @throws NoAnswer after 1.5 s; MongoError
   */
  read(orderId: string, atLeast?: number): Promise<StoredView | undefined>;
  /**
   * Waits until `isEnough`, or until time is up. It waits through an outage of MongoDB, too.
   *
   * @returns the progress that was seen last, enough or not; undefined if none was seen
   */
  reach(
    orderId: string,
    isEnough: (progress: OrderProgress) => boolean,
    withinMs: number,
  ): Promise<OrderProgress | undefined>;
  /**
   * A client has seen this version elsewhere, such as in a list: nothing older is answered from now
   * on.
   */
  shown(orderId: string, version: number): void;
  /** How reads were answered so far. */
  readonly counts: Readonly<Record<'hits' | 'misses' | 'bypasses', number>>;
  close(): Promise<void>;
}

const READ_WITHIN_MS = 1_500;
/** A slow query fails in MongoDB before it looks like an outage. */
const soon = { ...committed, maxTimeMS: 1_000 } as const;
/**
 * Concurrent reads share one query; several at once, so that a slow one does not block the others.
 */
const LOOKS = { size: 100, atOnce: 4 };
/** Enough to read a view once, even if there is no time left to wait. */
const SHORTEST_LOOK_MS = 100;
/**
 * Between two reads of a view that a request waits for. Long, because the stream reports changes.
 */
const LIVE_PAUSE_MS = 1_000;
const FIRST_BLIND_PAUSE_MS = 10;
const LONGEST_BLIND_PAUSE_MS = 250;

export function openOrderViews(db: Db, cache: OrderCache = createOrderCache()): OrderViews {
  const waiting = new Map<string, Set<(progress: OrderProgress) => void>>();
  const stream = followOrders(db, {
    changed(orderId, progress) {
      cache.invalidate(orderId);
      if (progress !== undefined) waiting.get(orderId)?.forEach((tell) => tell(progress));
    },
    lost: () => cache.clear(),
  });
  const counts = { hits: 0, misses: 0, bypasses: 0 };

  const find = inGroups(LOOKS, async (orderIds: readonly string[]) => {
    const found = await within(
      READ_WITHIN_MS,
      orders(db)
        .find({ _id: { $in: orderIds } }, { ...soon, projection: viewAndConcerns })
        .toArray(),
    );
    return new Map(found.map((document) => [document.orderId, toStored(document)]));
  });

  async function load(orderId: string): Promise<StoredView | undefined> {
    return (await within(READ_WITHIN_MS, find(orderId))).get(orderId);
  }

  async function look(orderId: string, giveUpAt: number): Promise<OrderProgress | undefined> {
    const projection = { _id: 0, version: 1, status: 1, settled: 1 };
    const found = await unlessAway(
      within(
        Math.max(SHORTEST_LOOK_MS, giveUpAt - Date.now()),
        orders(db).findOne({ _id: orderId }, { ...soon, projection }),
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
        for (
          let blindMs = FIRST_BLIND_PAUSE_MS;
          ;
          blindMs = Math.min(blindMs * 1.5, LONGEST_BLIND_PAUSE_MS)
        ) {
          see(await look(orderId, giveUpAt));
          if (seen !== undefined && isEnough(seen)) return seen;
          const pauseMs = Math.min(stream.isLive() ? LIVE_PAUSE_MS : blindMs, giveUpAt - Date.now());
          if (pauseMs <= 0) return seen;
          await setTimeout(pauseMs, undefined, { signal: wake.signal }).catch(() => undefined);
          if (seen !== undefined && isEnough(seen)) return seen;
        }
      } finally {
        others.delete(tell);
        if (others.size === 0) waiting.delete(orderId);
      }
    },
    shown: (orderId, version) => cache.dropOlder(orderId, version),
    close: () => stream.stop(),
  };
}

function toStored({ owedSince, pendingSince, unmatchedSince, stopped, ...view }: OrderDocument): StoredView {
  const concerns = {
    ...(owedSince !== undefined && { owedSince }),
    ...(pendingSince !== undefined && { pendingSince }),
    ...(unmatchedSince !== undefined && { unmatchedSince }),
    ...(stopped !== undefined && { stopped }),
  };
  const hasNone = Object.keys(concerns).length === 0;
  const shownView = stopped === undefined ? view : withoutCommands(view, stopped);
  return { version: view.version, json: JSON.stringify(shownView), ...(hasNone ? {} : { concerns }) };
}
