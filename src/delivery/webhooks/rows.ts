import type { Db } from 'mongodb';
import type { FeedPlace } from '../../log/feed/place.js';
import type { Health } from '../health.js';

/**
 * The checkpoint of a subscription: each event up to the position was delivered, is filtered out,
 * or waits (`WaitingRow`).
 */
export interface SubscriptionRow extends FeedPlace {
  /** the endpoint's id */
  readonly _id: string;
  /**
   * version of the endpoint at the last pass; if it has changed, the health starts without failures
   */
  readonly endpointVersion: number;
  readonly health: Health;
  /**
   * how many times an operator has moved the checkpoint, so that a pass notices the move even if
   * the position is the same as before; absent if never
   */
  readonly replays?: number;
  /** how many deliveries were acknowledged */
  readonly delivered: number;
}

/**
 * An event that has to be delivered later, because it failed, or because an earlier event of its
 * order waits. Only the first waiting event of an order is tried.
 */
export interface WaitingRow {
  /** `<endpointId>/<orderId>:<version>` */
  readonly _id: string;
  readonly endpointId: string;
  readonly orderId: string;
  readonly version: number;
  readonly position: number;
  readonly type: string;
  readonly attempts: number;
  /**
   * when it is tried next, or when it is next checked whether an earlier event of its order still
   * waits; absent while it is parked
   */
  readonly nextTryAt?: Date;
  /**
   * when its failures began, ISO-8601 UTC; absent if no attempt has failed since it was added, its
   * endpoint was changed, or an operator requested a retry
   */
  readonly failingSince?: string;
  /** the failure of the last attempt */
  readonly failure?: string;
  /** ISO-8601 UTC; from then on it is tried only if an operator requests it */
  readonly parkedAt?: string;
}

/** An attempt to deliver an event or a test message. It is kept for 30 days. */
export interface DeliveryRow {
  readonly _id: string;
  readonly endpointId: string;
  /** the `webhook-id`: `<orderId>:<version>`, or `test:<uuid>` for a test message */
  readonly eventId: string;
  readonly type: string;
  readonly position?: number;
  readonly at: Date;
  readonly ms: number;
  readonly isDelivered: boolean;
  /** HTTP status; absent without an answer */
  readonly status?: number;
  /** why there is no answer */
  readonly error?: string;
  /** the beginning of the answer */
  readonly answer?: string;
}

const DELIVERIES_KEPT_S = 30 * 86_400;

export const subscriptionRows = (db: Db) => db.collection<SubscriptionRow>('webhook_subscriptions');
export const waitingRows = (db: Db) => db.collection<WaitingRow>('webhook_waiting');
export const deliveryRows = (db: Db) => db.collection<DeliveryRow>('webhook_deliveries');

export async function ensureDeliveryIndexes(db: Db): Promise<void> {
  await Promise.all([
    waitingRows(db).createIndexes([
      { key: { endpointId: 1, orderId: 1, version: 1 } },
      { key: { orderId: 1 } },
      { key: { nextTryAt: 1 }, partialFilterExpression: { nextTryAt: { $exists: true } } },
      { key: { parkedAt: 1, _id: 1 }, partialFilterExpression: { parkedAt: { $exists: true } } },
    ]),
    deliveryRows(db).createIndexes([
      { key: { endpointId: 1, at: -1 } },
      { key: { eventId: 1 } },
      { key: { at: 1 }, expireAfterSeconds: DELIVERIES_KEPT_S },
    ]),
  ]);
}
