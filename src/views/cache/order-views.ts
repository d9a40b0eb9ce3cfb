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
 * The views of orders as one process reads them: hot ones from its memory, which a change stream keeps true. What it answers
 * of an order never gets older, and is never older than what was asked for. Where the stream is away, every read goes to
 * MongoDB.
 */
export interface OrderViews {
  /**
   * @param atLeast a version the view is known to have: what is remembered of an older one is not used
   * @returns undefined where there is no view
   * @throws NoAnswer after 1.5 s, or MongoError before
   */
  read(orderId: string, atLeast?: number): Promise<StoredView | undefined>;
  /**
   * Waits until the view of an order is far enough, or time is up. An outage of MongoDB is waited out like a view that is
   * behind.
   *
   * @returns the view's progress as last seen, far enough or not; undefined where it was never seen
   */
  reach(
    orderId: string,
    isEnough: (progress: OrderProgress) => boolean,
    withinMs: number,
  ): Promise<OrderProgress | undefined>;
  /** Somebody has been shown this version by other means, such as a list: nothing older is answered from now on. */
  shown(orderId: string, version: number): void;
  /** For people and tests: how reads were answered so far. */
  readonly counts: Readonly<Record<'hits' | 'misses' | 'bypasses', number>>;
  close(): Promise<void>;
}

const READ_WITHIN_MS = 1_500;
/** Where MongoDB is slow, it says so before it would be taken for gone. */
const soon = { ...committed, maxTimeMS: 1_000 } as const;
/** One look at MongoDB is for all that are read at the same time; a slow one is nobody else's trouble. */
const LOOKS = { size: 100, atOnce: 4 };
/** Enough for a look at a view, also where there is no time to wait for it. */
const SHORTEST_LOOK_MS = 100;
/** Between two looks at a view that is waited for. Where there is a stream, that tells. */
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
