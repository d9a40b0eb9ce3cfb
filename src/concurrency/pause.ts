import { setTimeout } from 'node:timers/promises';

/** The longest time of a timer. A longer timer would end immediately. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits until `ms` have passed or `signal` aborts. It never fails. It waits for 24 days at most,
 * and does not wait if `ms` is 0 or less.
 */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms > 0)
    await setTimeout(Math.min(ms, MAX_TIMER_MS), undefined, signal && { signal }).catch(() => undefined);
}
