import { withTimeout } from '../../../outages/timeout.js';

const RETRY_AFTER_MS = 5_000;

/**
 * A circuit breaker around `ask`: returns undefined if `ask` fails or takes longer than `withinMs`.
 * After that, it returns undefined for five seconds without calling `ask`.
 */
export function circuitBreaker<R>(
  ask: (orderId: string) => Promise<R>,
  withinMs: number,
): (orderId: string) => Promise<R | undefined> {
  let retryAt = 0;
  return async (orderId) => {
    if (Date.now() < retryAt) return undefined;
    try {
      return await withTimeout(withinMs, ask(orderId));
    } catch {
      retryAt = Date.now() + RETRY_AFTER_MS;
      return undefined;
    }
  };
}
