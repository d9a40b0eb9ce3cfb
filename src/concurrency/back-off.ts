/** Pauses that double with each failure in a row, from the first to the longest. */
export interface BackOff {
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
}

/** Pauses that stay the same. */
export function constantBackOff(ms: number): BackOff {
  return { firstRetryMs: ms, maxRetryMs: ms };
}

/**
 * How long to wait before the next attempt.
 *
 * @param failures the number of failures in a row, from 1 on
 */
export function backOffMs(failures: number, { firstRetryMs, maxRetryMs }: BackOff): number {
  return Math.min(maxRetryMs, firstRetryMs * 2 ** (failures - 1));
}
