import { pause } from '../concurrency/pause.js';
import type { Limits } from './port.js';
import { DeadlineExceeded, withTimeout } from '../outages/timeout.js';
import { messageOf } from '../outages/message-of.js';

/** The call was not made: others are under way. It is made later. */
export class ProviderBusy extends Error {
  override readonly name = 'ProviderBusy';
}

/** How long a call may wait in line. With a call's time-out, less than a step has. */
const longestWaitMs = 1_000;
/** So many effects fail one after the other before the provider gets a pause. */
const failuresBeforePause = 5;
const pauseMs = 5_000;
const maxFailed = 1_000;

/** Lets calls to one provider through. */
export interface Gate {
  /**
   * Makes a call, in its turn and within the time-out.
   *
   * @param key of the effect
   * @throws ProviderBusy if the call was not made
   * @throws DeadlineExceeded if it did not answer in time: its outcome is unknown
   */
  call<T>(key: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * A gate with a provider's limits. Another provider's calls, and steps that only record, do not
 * notice it: a call waits in line for a second at most, and as many wait as are under way. After
 * that `ProviderBusy` makes room, and the step is retried.
 *
 * The circuit breaker delays and never decides. After five effects in a row have failed, for five
 * seconds only one call is made at a time, and none of an effect that has failed. So a provider
 * that is down is not flooded, and an order whose own calls fail does not delay its neighbours.
 *
 * @param name of the provider, for messages
 */
export function createGate(name: string, { concurrency, perSecond, timeoutMs }: Limits): Gate {
  let running = 0;
  const line: (() => void)[] = [];
  let nextStart = 0;
  const failed = new Set<string>();
  let pausedUntil = 0;
  /** whether a call is under way that was let through in a pause */
  let isTrying = false;
  let lastProblem = '';

  /** @returns whether it is a trial, in a pause */
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
    // The place is handed over, so `running` stays.
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
      // Wrapped, since a module's function may also throw before it returns a promise.
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
