import { isMongoOutage } from '../../outages/mongo-outage.js';
import { withTimeout } from '../../outages/timeout.js';

/** How long the key store may take for an answer. */
export const ANSWER_WITHIN_MS = 3_000;
/** How long the shorter timeout applies after a failure. */
const AFTER_FAILURE_MS = 2_000;
const SHORT_WITHIN_MS = 50;

/** Asks the key store, and fails if it does not answer in time. */
export type BoundedQuery = <T>(query: () => Promise<T>, withinMs?: number) => Promise<T>;

/**
 * A circuit breaker: for two seconds after a failure, queries have a short timeout, so that no
 * caller waits long during an outage.
 */
export function createBoundedQuery(): BoundedQuery {
  let shortUntil = 0;
  return async (query, withinMs = ANSWER_WITHIN_MS) => {
    const isShort = Date.now() < shortUntil;
    try {
      return await withTimeout(isShort ? Math.min(SHORT_WITHIN_MS, withinMs) : withinMs, query());
    } catch (error) {
      if (isMongoOutage(error) && !isShort) shortUntil = Date.now() + AFTER_FAILURE_MS;
      throw error;
    }
  };
}
