import { backOffMs, type BackOff } from '../concurrency/back-off.js';

/**
 * How an endpoint has answered recently. Times are ISO-8601 UTC.
 *
 * For example, an endpoint answers 500 from noon on. After ten attempts it is *down*: it gets one
 * event at a time, and is *paused* in between, ten minutes at most. One success makes it healthy.
 * After three days without a success it is *given up*, and is disabled; an event that has failed
 * for that time is parked. An answer 429 or 503 with `Retry-After` pauses the endpoint immediately.
 */
export interface Health {
  /** attempts in a row that failed, over all orders */
  readonly failures: number;
  /** the time of the first of these failures; absent if there are none */
  readonly failingSince?: string;
  readonly lastSuccessAt?: string;
  /** the endpoint is paused, and gets nothing, until this time; the field's name is persisted */
  readonly restUntil?: string;
}

/** Delays between attempts, and when to give up. Tests use shorter times. */
export interface RetryPolicy extends BackOff {
  /**
   * after failing for this time, an event is parked, and an endpoint without any success is
   * disabled; both need at least `DOWN_AFTER` attempts
   */
  readonly giveUpAfterMs: number;
}

export const RETRY_POLICY: RetryPolicy = {
  firstRetryMs: 5_000,
  maxRetryMs: 3_600_000,
  giveUpAfterMs: 3 * 86_400_000,
};

export const healthy: Health = { failures: 0 };

/** After this many failures in a row, the endpoint itself counts as down. */
export const DOWN_AFTER = 10;
const MAX_PAUSE_MS = 10 * 60_000;

/** An endpoint that seems to be down gets one event at a time, until it accepts one. */
export function isDown({ failures }: Health): boolean {
  return failures >= DOWN_AFTER;
}

export function isPaused({ restUntil = '' }: Health, now: number): boolean {
  return restUntil > new Date(now).toISOString();
}

export function succeeded(now: number): Health {
  return { failures: 0, lastSuccessAt: new Date(now).toISOString() };
}

/** @param retryAfterMs how long the receiver asked to wait (`Retry-After`) */
export function failed(health: Health, now: number, { firstRetryMs }: RetryPolicy, retryAfterMs = 0): Health {
  const failures = health.failures + 1;
  const pauses = failures - DOWN_AFTER + 1;
  const downMs = pauses < 1 ? 0 : backOffMs(pauses, { firstRetryMs, maxRetryMs: MAX_PAUSE_MS });
  const pauseMs = Math.max(retryAfterMs, downMs);
  return {
    ...health,
    failures,
    failingSince: health.failingSince ?? new Date(now).toISOString(),
    ...(pauseMs > 0 && { restUntil: new Date(now + pauseMs).toISOString() }),
  };
}

/**
 * Whether an event or endpoint is given up: it has failed for `giveUpAfterMs`, in at least
 * `DOWN_AFTER` attempts. The time alone is not enough, because nothing is delivered while our
 * own system is down.
 */
export function isGivenUp(
  failures: number,
  since: string | undefined,
  now: number,
  { giveUpAfterMs }: RetryPolicy,
): boolean {
  return failures >= DOWN_AFTER && since !== undefined && now - Date.parse(since) >= giveUpAfterMs;
}
