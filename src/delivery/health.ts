import { backOffMs, type BackOff } from '../concurrency/back-off.js';

/**
 * How an endpoint has answered recently. Times are ISO-8601 UTC.
 *
 * For example, an endpoint answers 500 from noon on. After ten attempts it is *down*: it gets one
 * event at a time, and *rests* in between, ten minutes at most. One success makes it healthy. After
 * three days without a success it is *given up*, and is disabled; an event that has failed for
 * that time is parked. An answer 429 or 503 with `Retry-After` makes the endpoint rest at once.
 */
export interface Health {
  /** attempts in a row that failed, over all orders */
  readonly failures: number;
  /** the time of the first of these failures; absent if there are none */
  readonly failingSince?: string;
  readonly lastSuccessAt?: string;
  /** nothing is sent before this time */
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
const MAX_REST_MS = 10 * 60_000;

/** An endpoint that seems to be down gets one event at a time, until it accepts one. */
export function isDown({ failures }: Health): boolean {
  return failures >= DOWN_AFTER;
}

export function isResting({ restUntil = '' }: Health, now: number): boolean {
  return restUntil > new Date(now).toISOString();
}

export function succeeded(now: number): Health {
  return { failures: 0, lastSuccessAt: new Date(now).toISOString() };
}

/** @param restMs for how long the receiver asked to be left alone (`Retry-After`) */
export function failed(health: Health, now: number, { firstRetryMs }: RetryPolicy, restMs = 0): Health {
  const failures = health.failures + 1;
  const rests = failures - DOWN_AFTER + 1;
  const downMs = rests < 1 ? 0 : backOffMs(rests, { firstRetryMs, maxRetryMs: MAX_REST_MS });
  const rest = Math.max(restMs, downMs);
  return {
    ...health,
    failures,
    failingSince: health.failingSince ?? new Date(now).toISOString(),
    ...(rest > 0 && { restUntil: new Date(now + rest).toISOString() }),
  };
}

/**
 * Whether an event or endpoint is given up: it has failed for `giveUpAfterMs`, in at least
 * `DOWN_AFTER` attempts. The time alone does not suffice, because nothing is delivered while our
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
