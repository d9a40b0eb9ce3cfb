import { setTimeout } from 'node:timers/promises';

/**
 * Waits until `ms` have passed or `signal` aborts. It never fails. If `ms` is 0 or less, it does
 * not wait.
 */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, signal && { signal }).catch(() => undefined);
}
