import { withTimeout } from '../../../outages/timeout.js';

const RETRY_AFTER_MS = 5_000;

/**
 * A circuit breaker: calls `ask`, and waits at most `withinMs`. If that fails, it returns
 * undefined, and for the next five seconds it does so without calling `ask`.
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
