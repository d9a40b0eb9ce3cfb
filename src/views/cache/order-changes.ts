import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { openChanges } from '../../concurrency/change-batches.js';
import type { OrderDocument } from '../orders.js';

/** How far the view of an order is. */
export type OrderProgress = Pick<OrderDocument, 'version' | 'status' | 'settled'>;

export interface OrderChangeListener {
  /** The view of an order was written; how far it is, unless it was removed. */
  changed(orderId: string, progress: OrderProgress | undefined): void;
  /** Changes may have been missed: before a stream is live, and when the collection is gone. */
  lost(): void;
}

export interface OrderChanges {
  /** Every change has been told, but for those of the last moment. False while the stream is away, behind or silent. */
  isLive(): boolean;
  stop(): Promise<void>;
}

/** How often the server answers where nothing changes. */
const ANSWER_EVERY_MS = 500;
/** How long an answer is good for: nobody knows what a silent stream has not told. */
const BELIEVED_MS = 1_500;
const OPEN_AGAIN_MS = 1_000;

interface OrderChange {
  /** absent where the change is one of the whole collection */
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

/** Tells of every change of the orders' views, of whoever made it, until it is stopped. A stream that ends is opened anew. */
export function followOrders(db: Db, listener: OrderChangeListener): OrderChanges {
  const stopping = new AbortController();
  let trueAt = Number.NEGATIVE_INFINITY;
  const done = keepFollowing();

  async function keepFollowing(): Promise<void> {
    while (!stopping.signal.aborted) {
      // It is away, or at its end because the collection is.
      await follow().catch(() => undefined);
      trueAt = Number.NEGATIVE_INFINITY;
      await setTimeout(OPEN_AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  async function follow(): Promise<void> {
    const stream = await openChanges<OrderChange>(db, { collection: 'orders', pipeline });
    try {
      // What no majority had yet when it was opened is neither told by it nor in what was read by then: an answer comes later.
      let askedAt = Date.now();
      let batch = await stream.next(ANSWER_EVERY_MS);
      listener.lost();
      while (!stopping.signal.aborted) {
        for (const { orderId, fullDocument } of batch.changes) {
          if (orderId === undefined) listener.lost();
          else listener.changed(orderId, fullDocument);
        }
        // An answer has all that was written before it was asked for, if it could hold it.
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
