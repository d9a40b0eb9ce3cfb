import type { Db } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { openChangeStream } from '../../mongodb/change-stream.js';
import type { OrderDocument } from '../orders.js';

/** The progress of an order's view. */
export type OrderProgress = Pick<OrderDocument, 'version' | 'status' | 'settled'>;

export interface OrderChangeListener {
  /** The view of an order was written. If it was removed, `progress` is undefined. */
  changed(orderId: string, progress: OrderProgress | undefined): void;
  /** Changes may have been missed: a stream has just opened, or the collection is gone. */
  lost(): void;
}

export interface OrderChanges {
  /**
   * True if all changes up to a moment ago were reported. False while the stream is closed, lagging
   * or silent. If `isLive` is not called for ten seconds, the server is asked less often. So the
   * first call after that may answer false although the stream is live.
   */
  isLive(): boolean;
  stop(): Promise<void>;
}

/** How often the server answers if nothing changes. */
const ANSWER_EVERY_MS = 500;
/**
 * How often the server answers if `isLive` was not called for `UNASKED_AFTER_MS`. It is shorter
 * than the silence after which the driver closes a socket.
 */
const ANSWER_UNASKED_MS = 3_000;
const UNASKED_AFTER_MS = 10_000;
const LIVE_FOR_MS = 1_500;
/** Under load, changes that arrive within this time are reported together. */
const PACE_MS = 10;
const OPEN_AGAIN_MS = 1_000;

interface OrderChange {
  /** absent if the change concerns the whole collection */
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
 * Reports every change of the `orders` view, whichever process made it, until `stop` is called. A
 * stream that ends is opened again.
 *
 * @param liveForMs how long an answer of the server proves that nothing was missed; 1.5 s by
 *   default
 */
export function followOrders(db: Db, listener: OrderChangeListener, liveForMs = LIVE_FOR_MS): OrderChanges {
  const stopping = new AbortController();
  let upToDateAt = Number.NEGATIVE_INFINITY;
  let lastAskedAt = Date.now();
  const done = keepFollowing();

  async function keepFollowing(): Promise<void> {
    while (!stopping.signal.aborted) {
      // The stream fails if MongoDB is unavailable, or if the collection was dropped.
      await follow().catch(() => undefined);
      upToDateAt = Number.NEGATIVE_INFINITY;
      await pause(OPEN_AGAIN_MS, stopping.signal);
    }
  }

  async function follow(): Promise<void> {
    const stream = await openChangeStream<OrderChange>(db, {
      collection: 'orders',
      pipeline,
      paceMs: PACE_MS,
    });
    try {
      // The stream starts after the last write of the server. If that write was not committed by a
      // majority yet, earlier reads lack it, and the stream does not report it. When the first
      // batch arrives, the write is committed, so the cache is cleared then.
      let askedAt = Date.now();
      let batch = await stream.next(ANSWER_EVERY_MS);
      listener.lost();
      while (!stopping.signal.aborted) {
        for (const { orderId, fullDocument } of batch.changes) {
          if (orderId === undefined) listener.lost();
          else listener.changed(orderId, fullDocument);
        }
        // A batch that is not full has everything that was written before it was requested.
        if (!batch.isFull) upToDateAt = askedAt;
        askedAt = Date.now();
        const isAsked = askedAt - lastAskedAt < UNASKED_AFTER_MS;
        batch = await stream.next(isAsked ? ANSWER_EVERY_MS : ANSWER_UNASKED_MS, stopping.signal);
      }
    } finally {
      await stream.close();
    }
  }

  return {
    isLive() {
      lastAskedAt = Date.now();
      return lastAskedAt - upToDateAt <= liveForMs;
    },
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
