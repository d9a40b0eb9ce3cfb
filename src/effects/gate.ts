import { pause } from '../concurrency/pause.js';
import type { Limits } from './port.js';
import { DeadlineExceeded, withTimeout } from '../outages/timeout.js';
import { messageOf } from '../outages/message-of.js';

/** The call was not made, because too many others are in flight. It is retried later. */
export class ProviderBusy extends Error {
  override readonly name = 'ProviderBusy';
}

/**
 * How long a call may wait in the queue. This and a call's timeout together are shorter than a
 * step's timeout.
 */
const longestWaitMs = 1_000;
/** How many effects have to fail in a row before calls to the provider are paused. */
const failuresBeforePause = 5;
const pauseMs = 5_000;
const maxFailed = 1_000;

/** Lets calls to one provider through. */
export interface Gate {
  /**
   * Makes a call when a place is free, and waits for its answer until the timeout.
   *
   * @param key of the effect
   * @throws ProviderBusy if the call was not made
   * @throws DeadlineExceeded if it did not answer in time: its outcome is unknown
   */
  call<T>(key: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * A gate with a provider's limits. It does not slow calls to other providers, or steps that only
 * record: a call waits in the queue for a second at most, and the queue is no longer than the
 * number of calls in flight. Otherwise it throws `ProviderBusy`, which frees the activity's slot,
 * and the step is retried.
 *
 * The circuit breaker delays calls and never decides an outcome. After five effects in a row have
 * failed, for five seconds only one call is made at a time, and none for an effect that has failed.
 * So a provider that is down is not flooded, and an order whose own calls fail does not delay other
 * orders.
 *
 * @param name of the provider, for messages
 */
export function createGate(name: string, { concurrency, perSecond, timeoutMs }: Limits): Gate {
  let running = 0;
  const line: (() => void)[] = [];
  let nextStart = 0;
  const failed = new Set<string>();
  let pausedUntil = 0;
  /** whether a trial call, made during a pause, is in flight */
  let isTrying = false;
  let lastProblem = '';

  /** @returns whether the call is a trial during a pause */
  function admit(key: string): boolean {
    if (Date.now() >= pausedUntil) return false;
    if (isTrying || failed.has(key))
      throw new ProviderBusy(`${name} has a pause, because calls to it fail: ${lastProblem}`);
    return true;
  }

  async function enter(): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (line.length >= concurrency) throw new ProviderBusy(`${name} has ${concurrency} calls under way`);
    await new Promise<void>((resolve, reject) => {
      const proceed = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        line.splice(line.indexOf(proceed), 1);
        reject(new ProviderBusy(`${name} has ${concurrency} calls under way, and none ended in a second`));
      }, longestWaitMs);
      line.push(proceed);
    });
  }

  function leave(): void {
    const next = line.shift();
    // The next call takes over the place, so `running` does not change.
    if (next === undefined) running -= 1;
    else next();
  }

  async function takeTurn(): Promise<void> {
    if (perSecond === undefined) return;
    const now = Date.now();
    const start = Math.max(now, nextStart);
    if (start - now > longestWaitMs)
      throw new ProviderBusy(`${name} is asked ${perSecond} times a second, and no more`);
    nextStart = start + 1_000 / perSecond;
    await pause(start - now);
  }

  async function timed<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const aborting = new AbortController();
    try {
      // Wrapped in a promise, because a module's function may throw before it returns one.
      return await withTimeout(timeoutMs, (async () => await work(aborting.signal))());
    } finally {
      aborting.abort();
    }
  }

  function note(key: string, error: unknown): void {
    lastProblem = messageOf(error);
    failed.add(key);
    const [oldest] = failed;
    if (failed.size > maxFailed && oldest !== undefined) failed.delete(oldest);
    if (failed.size >= failuresBeforePause) pausedUntil = Date.now() + pauseMs;
  }

  return {
    async call(key, work) {
      const isTrial = admit(key);
      isTrying ||= isTrial;
      try {
        await enter();
      } catch (error) {
        if (isTrial) isTrying = false;
        throw error;
      }
      try {
        await takeTurn();
        const answer = await timed(work).catch((error: unknown) => {
          note(key, error);
          throw error instanceof DeadlineExceeded
            ? new DeadlineExceeded(`${name} did not answer in ${timeoutMs} ms; the outcome is unknown`)
            : error;
        });
        failed.clear();
        pausedUntil = 0;
        return answer;
      } finally {
        leave();
        if (isTrial) isTrying = false;
      }
    },
  };
}
