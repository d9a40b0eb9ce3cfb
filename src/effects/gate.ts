import { DeadlineExceeded, withTimeout } from '../outages/timeout.js';
import { CallQueue } from './call-queue.js';
import { CircuitBreaker } from './circuit-breaker.js';
import type { Limits } from './port.js';
import { RateLimiter } from './rate-limiter.js';

/** Limits the calls to one provider. */
export interface ProviderGate {
  /**
   * Makes a call when a slot is free, and waits for its answer until the timeout.
   *
   * @param key the effect's key
   * @throws ProviderBusy if the call was not made
   * @throws DeadlineExceeded if there was no answer in time: the outcome of the call is unknown
   */
  call<T>(key: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * A gate with a provider's limits. Calls that wait must not use up the activity slots of other
 * providers, and of steps that only record. So a call waits in the queue for a second at most, and
 * the queue is no longer than the number of calls in flight. A call that finds the queue full, or
 * would wait longer, fails with `ProviderBusy`. This frees the activity's slot, and the step is
 * retried.
 *
 * @param name the provider's name, for messages
 */
export function createGate(name: string, { concurrency, perSecond, timeoutMs }: Limits): ProviderGate {
  const queue = new CallQueue(name, concurrency);
  const rate = new RateLimiter(name, perSecond);
  const breaker = new CircuitBreaker(name);

  async function inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const aborting = new AbortController();
    try {
      // The call is wrapped in an async function, because a module's function may throw before it
      // returns a promise.
      return await withTimeout(timeoutMs, (async () => await work(aborting.signal))());
    } catch (error) {
      throw error instanceof DeadlineExceeded
        ? new DeadlineExceeded(`${name} did not answer in ${timeoutMs} ms; the outcome is unknown`)
        : error;
    } finally {
      aborting.abort();
    }
  }

  return {
    call: (key, work) =>
      breaker.guard(key, (observe) =>
        queue.inTurn(async () => {
          await rate.wait();
          return await observe(() => inTime(work));
        }),
      ),
  };
}
