import { setTimeout } from 'node:timers/promises';

/** Waits for so long, or until `signal` aborts. It never fails; without a time left, it does not wait. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, signal && { signal }).catch(() => undefined);
}
