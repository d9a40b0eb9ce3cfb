import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { isMongoOutage } from '../platform/mongo-outage.js';
import { type OrderDocument, orders } from './orders.js';

/** How far the view of an order is. */
export type OrderProgress = Pick<OrderDocument, 'version' | 'status' | 'settled'>;

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/**
 * Looks at the view of an order until it is far enough, or time is up. An outage of MongoDB is waited out like a view that
 * is behind.
 *
 * @returns the view's progress as last seen, far enough or not; undefined where it was never seen
 */
export async function awaitOrder(
  db: Db,
  orderId: string,
  isEnough: (progress: OrderProgress) => boolean,
  withinMs: number,
): Promise<OrderProgress | undefined> {
  const giveUpAt = Date.now() + withinMs;
  let seen: OrderProgress | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    seen = (await look(db, orderId, giveUpAt)) ?? seen;
    if (seen !== undefined && isEnough(seen)) return seen;
    if (Date.now() + pauseMs > giveUpAt) return seen;
    await setTimeout(pauseMs);
  }
}

async function look(db: Db, orderId: string, giveUpAt: number): Promise<OrderProgress | undefined> {
  try {
    const found = await orders(db).findOne(
      { _id: orderId },
      {
        projection: { _id: 0, version: 1, status: 1, settled: 1 },
        timeoutMS: Math.max(1, giveUpAt - Date.now()),
      },
    );
    return found ?? undefined;
  } catch (error) {
    if (isMongoOutage(error)) return undefined;
    throw error;
  }
}
