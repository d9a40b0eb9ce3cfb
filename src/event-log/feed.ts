import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { committed } from './durability.js';
import { type RecordedEvent, journal, onlyEvent } from './journal.js';

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
    .project<PositionedEvent>(onlyEvent)
    .sort({ position: 1 })
    .toArray();
}

/** Tells a process when the feed has grown: one change stream, however many wait. */
export interface FeedTail {
  /** Resolves with the head once it is beyond `position`, or as it is when `signal` aborts. */
  beyond(position: number, signal: AbortSignal): Promise<number>;
  stop(): Promise<void>;
}

const LOOK_AGAIN_MS = 1_000;

/** Where the change stream fails, the head is looked up every second until there is one again. */
export function followFeed(db: Db): FeedTail {
  const stopping = new AbortController();
  const waiting = new Set<(head: number) => void>();
  let head = 0;
  const advance = (position: number): void => {
    // A feed that starts anew (an emptied database) starts below what was seen.
    head = position;
    for (const wake of waiting) wake(head);
  };
  const done = follow(db, stopping.signal, advance);
  return {
    async beyond(position, signal) {
      if (head > position) return head;
      return await new Promise((resolve) => {
        const end = (): void => {
          waiting.delete(wake);
          signal.removeEventListener('abort', end);
          resolve(head);
        };
        const wake = (at: number): void => {
          if (at > position) end();
        };
        waiting.add(wake);
        signal.addEventListener('abort', end, { once: true });
        if (signal.aborted) end();
      });
    },
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

async function follow(db: Db, stopping: AbortSignal, advance: (position: number) => void): Promise<void> {
  while (!stopping.aborted) {
    const stream = feedState(db).watch([], { fullDocument: 'updateLookup', maxAwaitTimeMS: LOOK_AGAIN_MS });
    const close = (): void => void stream.close().catch(() => undefined);
    stopping.addEventListener('abort', close, { once: true });
    try {
      // The stream is open before the head is read: what comes between is seen twice, never missed.
      await stream.tryNext();
      advance(await feedHead(db));
      while (!stopping.aborted) {
        const change = await stream.tryNext();
        if (change !== null && 'fullDocument' in change && change.fullDocument)
          advance(change.fullDocument.position);
      }
    } catch {
      advance(await feedHead(db).catch(() => 0));
      await setTimeout(LOOK_AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
    } finally {
      stopping.removeEventListener('abort', close);
      close();
    }
  }
}
