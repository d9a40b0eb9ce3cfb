import { setTimeout } from 'node:timers/promises';
import type { ChangeStreamDocument, Db } from 'mongodb';
import type { StoredEvent } from '../domain/events.js';
import { upcast } from '../domain/upcasters.js';
import { committed } from './durability.js';
import { type Recorded, type RecordedEvent, journal, onlyEvent } from './journal.js';

/** An event with its place in the one order of all events of all orders. */
export type PositionedEvent = RecordedEvent & { readonly position: number };

/**
 * How far the sequencer has come: one document, written in the same transaction as the positions it speaks of.
 * Whoever reads positions up to `position` has all of them, and none will ever be added below it.
 */
export interface FeedState {
  readonly _id: 'feed';
  /** of the holder that may stamp: an older one is refused */
  readonly epoch: number;
  /** the last position that was given; 0 before the first */
  readonly position: number;
  /** where the change stream is to be resumed */
  readonly resumeToken?: unknown;
  /** ISO-8601 UTC, when `position` last changed */
  readonly at?: string;
}

export function feedState(db: Db) {
  return db.collection<FeedState>('feed');
}

/** The last position that was given; 0 where there is none. */
export async function feedHead(db: Db): Promise<number> {
  return (await feedState(db).findOne({ _id: 'feed' }, committed))?.position ?? 0;
}

/**
 * The events beyond position `after`, in order, without gaps, `limit` at most: the next one has position `after + 1`.
 * Fewer than `limit` where the feed ends.
 */
export async function readFeed(db: Db, after: number, limit: number): Promise<PositionedEvent[]> {
  return await journal(db)
    .find({ position: { $gt: after, $lte: after + limit } }, committed)
    .project<StoredEvent & Recorded & { readonly position: number }>(onlyEvent)
    .sort({ position: 1 })
    // All of them in one answer, as far as it can hold them: the driver's first one has 101.
    .batchSize(limit + 1)
    .map((event) => upcast(event))
    .toArray();
}

/** Tells a process when the feed has grown: one change stream, however many wait. */
export interface FeedTail {
  /** Resolves with the head once it is beyond `position`, or as it is when `signal` aborts. */
  beyond(position: number, signal: AbortSignal): Promise<number>;
  /** Begins to listen for one order. */
  newsOf(orderId: string): News;
  stop(): Promise<void>;
}

export interface News {
  /** True once the order may have events that were not told of before; false when `signal` aborts first. */
  next(signal: AbortSignal): Promise<boolean>;
  close(): void;
}

const LOOK_AGAIN_MS = 1_000;
/** How long a stop may have to wait for the change stream. */
const AWAIT_MS = 300;

/** Where the change stream fails, the head is looked up every second until there is one again. */
export function followFeed(db: Db): FeedTail {
  const tail = new Tail(db);
  const done = tail.follow();
  return {
    beyond: (position, signal) => tail.beyond(position, signal),
    newsOf: (orderId) => tail.newsOf(orderId),
    async stop() {
      tail.stopping.abort();
      await done;
    },
  };
}

class Tail {
  readonly stopping = new AbortController();
  private readonly db: Db;
  private head = 0;
  private readonly waiting = new Set<() => void>();
  private readonly listeners = new Map<string, Set<() => void>>();

  constructor(db: Db) {
    this.db = db;
  }

  async beyond(position: number, signal: AbortSignal): Promise<number> {
    await untilTrue(this.waiting, () => this.head > position, signal);
    return this.head;
  }

  newsOf(orderId: string): News {
    const wakes = new Set<() => void>();
    let isNews = false;
    const tell = (): void => {
      isNews = true;
      for (const wake of wakes) wake();
    };
    const all = this.listeners.get(orderId) ?? new Set();
    this.listeners.set(orderId, all.add(tell));
    return {
      async next(signal) {
        await untilTrue(wakes, () => isNews, signal);
        const was = isNews;
        isNews = false;
        return was;
      },
      close: () => {
        all.delete(tell);
        if (all.size === 0) this.listeners.delete(orderId);
      },
    };
  }

  async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.watch(signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.advance(await feedHead(this.db).catch(() => this.head), true);
      await setTimeout(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const stream = feedState(this.db).watch([], { maxAwaitTimeMS: AWAIT_MS });
    try {
      // The stream is open before the head is read: what comes between is seen twice, never missed.
      await stream.tryNext();
      await this.advance(await feedHead(this.db), true);
      while (!signal.aborted) {
        const change = await stream.tryNext();
        // The collection was dropped: a stream that is over has no changes, and says so without a pause.
        if (change?.operationType === 'invalidate') return;
        const position = change === null ? undefined : positionOf(change);
        if (position !== undefined) await this.advance(position);
      }
    } finally {
      // Not while a read is under way: the driver would never end it.
      await stream.close();
    }
  }

  /** @param isUnsure something may have been missed: everybody looks again */
  private async advance(position: number, isUnsure = false): Promise<void> {
    const before = this.head;
    // A feed that begins anew, in an emptied database, is below what was seen.
    this.head = position;
    for (const wake of this.waiting) wake();
    if (this.listeners.size === 0) return;
    const orderIds = isUnsure ? this.listeners.keys() : await this.ordersBetween(before, position);
    for (const orderId of orderIds) for (const tell of this.listeners.get(orderId) ?? []) tell();
  }

  private async ordersBetween(before: number, position: number): Promise<readonly string[]> {
    return await journal(this.db).distinct(
      'orderId',
      { position: { $gt: before, $lte: position } },
      committed,
    );
  }
}

/** The head as a change leaves it; undefined where it leaves it as it was. */
function positionOf(change: ChangeStreamDocument<FeedState>): number | undefined {
  if (change.operationType === 'update') return change.updateDescription.updatedFields?.position;
  return change.operationType === 'insert' ? change.fullDocument.position : undefined;
}

/** Waits, woken through `wakes`, until it holds or `signal` aborts. */
async function untilTrue(wakes: Set<() => void>, holds: () => boolean, signal: AbortSignal): Promise<void> {
  if (holds() || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      wakes.delete(wake);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const wake = (): void => {
      if (holds()) end();
    };
    wakes.add(wake);
    signal.addEventListener('abort', end, { once: true });
  });
}
