import { backOffMs } from '../../concurrency/back-off.js';
import type { PositionedEvent } from '../../log/feed/feed.js';
import { isGivenUp, type RetryPolicy } from '../health.js';
import type { WaitingRow } from './rows.js';

/** What became of an event. `later`: it was not sent, or this process ends. */
export type DeliveryResult = 'delivered' | 'later' | DeliveryFailure;

/** Why an event was not delivered. */
export interface DeliveryFailure {
  readonly failure: string;
  /** for how long the receiver asked to be left alone */
  readonly retryAfterMs: number;
}

/** The row of an event of the feed that was not delivered. */
export function waitingRow(
  endpointId: string,
  { orderId, version, position, type }: PositionedEvent,
  outcome: Exclude<DeliveryResult, 'delivered'>,
  now: number,
  retryPolicy: RetryPolicy,
): WaitingRow {
  return {
    _id: `${endpointId}/${orderId}:${version}`,
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
