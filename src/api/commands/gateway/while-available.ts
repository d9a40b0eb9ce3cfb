import { withTimeout } from '../../../outages/timeout.js';

const REST_MS = 5_000;

/**
 * Asks for at most `withinMs`. After a failure, returns undefined for some seconds without asking.
 */
export function whileAvailable<R>(
  ask: (orderId: string) => Promise<R>,
  withinMs: number,
): (orderId: string) => Promise<R | undefined> {
  let restUntil = 0;
  return async (orderId) => {
    if (Date.now() < restUntil) return undefined;
    try {
      return await withTimeout(withinMs, ask(orderId));
    } catch {
      restUntil = Date.now() + REST_MS;
      return undefined;
    }
  };
}
