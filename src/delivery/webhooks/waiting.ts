import type { Db } from 'mongodb';
import { backOffMs } from '../../concurrency/back-off.js';
import { eventId } from '../../log/event-id.js';
import type { PositionedEvent } from '../../log/feed/feed.js';
import { committed, durable } from '../../mongodb/durability.js';
import { isGivenUp, type RetryPolicy } from '../health.js';
import { type WaitingRow, waitingRows } from './rows.js';

/**
 * How long an event that follows a parked one waits before it is checked again. If a retry
 * delivers the parked event, the next event of the order is sent immediately.
 */
const AFTER_PARKED_MS = 3_600_000;

/** The result of sending an event. `later`: it was not sent, or this process is stopping. */
export type DeliveryResult = 'delivered' | 'later' | DeliveryFailure;

/** Why an event was not delivered. */
export interface DeliveryFailure {
  readonly failure: string;
  /** how long the receiver asked to wait (`Retry-After`) */
  readonly retryAfterMs: number;
}

/** The row of an event of the feed that was not delivered. */
export function waitingRow(
  endpointId: string,
  event: PositionedEvent,
  outcome: Exclude<DeliveryResult, 'delivered'>,
  now: number,
  retryPolicy: RetryPolicy,
): WaitingRow {
  const { orderId, version, position, type } = event;
  return {
    _id: `${endpointId}/${eventId(event)}`,
    endpointId,
    orderId,
    version,
    position,
    type,
    ...(outcome === 'later'
      ? { attempts: 0, nextTryAt: new Date(now) }
      : afterFailure({ ...outcome, attempts: 1, failingSince: undefined }, now, retryPolicy)),
  };
}

/** An attempt that failed, with the number of attempts, and when the first one failed. */
interface FailedAttempt extends DeliveryFailure {
  readonly attempts: number;
  /** ISO-8601 UTC; undefined if this is the first one */
  readonly failingSince: string | undefined;
}

/** The new values of a waiting event's row: when it is tried again, or that it is parked. */
export function afterFailure(
  { failure, retryAfterMs, attempts, failingSince: since }: FailedAttempt,
  now: number,
  retryPolicy: RetryPolicy,
): Pick<WaitingRow, 'attempts' | 'failure' | 'failingSince' | 'nextTryAt' | 'parkedAt'> {
  const failingSince = since ?? new Date(now).toISOString();
  const inMs = Math.max(retryAfterMs, backOffMs(attempts, retryPolicy));
  return {
    attempts,
    failure,
    failingSince,
    ...(isGivenUp(attempts, since, now, retryPolicy)
      ? { parkedAt: new Date(now).toISOString() }
      : { nextTryAt: new Date(now + inMs) }),
  };
}

export async function addWaiting(db: Db, rows: readonly WaitingRow[]): Promise<void> {
  if (rows.length === 0) return;
  await waitingRows(db).bulkWrite(
    rows.map(({ _id, ...row }) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: row }, upsert: true },
    })),
    { ordered: false, ...durable },
  );
}

/** How many orders wait. Orders with a parked event wait for an operator, and do not count. */
export async function countWaitingOrders(db: Db, endpointId: string): Promise<number> {
  const rows = waitingRows(db);
  const parked = await rows.distinct('orderId', { endpointId, parkedAt: { $exists: true } }, committed);
  const others = { endpointId, nextTryAt: { $exists: true }, orderId: { $nin: parked } };
  return (await rows.distinct('orderId', others, committed)).length;
}

/** Makes the later events of an order wait for an earlier one that is not due or is parked. */
export async function postponeFollowing(
  db: Db,
  { endpointId, orderId, version, nextTryAt }: WaitingRow,
): Promise<void> {
  const now = Date.now();
  await waitingRows(db).updateMany(
    { endpointId, orderId, version: { $gt: version }, nextTryAt: { $lte: new Date(now) } },
    { $set: { nextTryAt: nextTryAt ?? new Date(now + AFTER_PARKED_MS) } },
    durable,
  );
}

export async function storeFailure(
  db: Db,
  { _id, nextTryAt, attempts, failingSince }: WaitingRow & { readonly nextTryAt: Date },
  failure: DeliveryFailure,
  retryPolicy: RetryPolicy,
): Promise<void> {
  const failing = { ...failure, attempts: attempts + 1, failingSince };
  const change = afterFailure(failing, Date.now(), retryPolicy);
  const isParked = change.parkedAt !== undefined;
  // `nextTryAt` guards the update: an operator may have asked for a retry meanwhile.
  await waitingRows(db).updateOne(
    { _id, nextTryAt },
    { $set: change, ...(isParked && { $unset: { nextTryAt: 1 } }) },
    durable,
  );
}

/** Makes the next waiting event of an order due. Parked events are skipped. */
export async function makeNextDue(db: Db, { endpointId, orderId, version }: WaitingRow): Promise<void> {
  await waitingRows(db).findOneAndUpdate(
    { endpointId, orderId, version: { $gt: version }, parkedAt: { $exists: false } },
    { $set: { nextTryAt: new Date() } },
    { sort: { version: 1 }, ...durable },
  );
}
