import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { openChanges } from '../../concurrency/change-batches.js';
import type { OrderDocument } from '../orders.js';

/** The progress of an order, by its view. */
export type OrderProgress = Pick<OrderDocument, 'version' | 'status' | 'settled'>;

export interface OrderChangeListener {
  /** The view of an order was written, or deleted: then `progress` is undefined. */
  changed(orderId: string, progress: OrderProgress | undefined): void;
  /**
   * Changes may have been missed: called before a stream is live, and when the collection is
   * dropped.
   */
  lost(): void;
}

export interface OrderChanges {
  /**
   * Whether all changes but the latest were reported. False while the stream is down, lagging or
   * silent.
   */
  isLive(): boolean;
  stop(): Promise<void>;
}

/** How often the server answers if nothing changes. */
const ANSWER_EVERY_MS = 500;
/** How long the stream counts as live after an answer: a silent stream may hide changes. */
const BELIEVED_MS = 1_500;
const OPEN_AGAIN_MS = 1_000;

interface OrderChange {
  /** absent if the whole collection has changed */
  readonly orderId?: string;
  readonly fullDocument?: OrderProgress;
}

const pipeline = [
  {
    $project: {
      orderId: '$documentKey._id',
      'fullDocument.version': 1,
      'fullDocument.status': 1,
      'fullDocument.settled': 1,
    },
  },
];

/**
 * Reports every change of the view `orders`, by any process, until it is stopped. A stream that
 * ends is opened again.
 */
export function followOrders(db: Db, listener: OrderChangeListener): OrderChanges {
  const stopping = new AbortController();
  let trueAt = Number.NEGATIVE_INFINITY;
  const done = keepFollowing();

  async function keepFollowing(): Promise<void> {
    while (!stopping.signal.aborted) {
      // The stream has failed, or has ended with its collection.
      await follow().catch(() => undefined);
      trueAt = Number.NEGATIVE_INFINITY;
      await setTimeout(OPEN_AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  async function follow(): Promise<void> {
    const stream = await openChanges<OrderChange>(db, { collection: 'orders', pipeline });
    try {
      // A write that had no majority when the stream was opened is reported by an answer, but is
      // not in earlier reads.
      let askedAt = Date.now();
      let batch = await stream.next(ANSWER_EVERY_MS);
      listener.lost();
      while (!stopping.signal.aborted) {
        for (const { orderId, fullDocument } of batch.changes) {
          if (orderId === undefined) listener.lost();
          else listener.changed(orderId, fullDocument);
        }
        // An answer that is not full has everything that was written before it was requested.
        if (!batch.isFull) trueAt = askedAt;
        askedAt = Date.now();
        batch = await stream.next(ANSWER_EVERY_MS);
      }
    } finally {
      await stream.close();
    }
  }

  return {
    isLive: () => Date.now() - trueAt <= BELIEVED_MS,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
