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
   * @param key the effect's key
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
 * @param name the provider's name, for messages
 */
export function createGate(name: string, { concurrency, perSecond, timeoutMs }: Limits): Gate {
  const queue = new Queue(name, concurrency);
  const pace = new Pace(name, perSecond);
  const breaker = new Breaker(name);

  async function inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const aborting = new AbortController();
    try {
      // Wrapped in a promise, because a module's function may throw before it returns one.
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
      breaker.guard(key, (watched) =>
        queue.inTurn(async () => {
          await pace.wait();
          return await watched(() => inTime(work));
        }),
      ),
  };
}

/** A queue that limits the calls in flight. It holds as many waiting calls as may be in flight. */
class Queue {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly name: string;
  private readonly concurrency: number;

  constructor(name: string, concurrency: number) {
    this.name = name;
    this.concurrency = concurrency;
  }

  /** @throws ProviderBusy */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private async enter(): Promise<void> {
    if (this.running < this.concurrency) {
      this.running += 1;
      return;
    }
    const full = `${this.name} has ${this.concurrency} calls under way`;
    if (this.waiting.length >= this.concurrency) throw new ProviderBusy(full);
    await new Promise<void>((resolve, reject) => {
      const proceed = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(proceed), 1);
        reject(new ProviderBusy(`${full}, and none ended in a second`));
      }, longestWaitMs);
      this.waiting.push(proceed);
    });
  }

  private leave(): void {
    const next = this.waiting.shift();
    // The next call takes over the place, so `running` does not change.
    if (next === undefined) this.running -= 1;
    else next();
  }
}

/** Spaces the starts of calls, if the provider limits them. */
class Pace {
  private nextStart = 0;
  private readonly name: string;
  private readonly perSecond: number | undefined;

  constructor(name: string, perSecond: number | undefined) {
    this.name = name;
    this.perSecond = perSecond;
  }

  /** @throws ProviderBusy */
  async wait(): Promise<void> {
    if (this.perSecond === undefined) return;
    const now = Date.now();
    const start = Math.max(now, this.nextStart);
    if (start - now > longestWaitMs)
      throw new ProviderBusy(`${this.name} is asked ${this.perSecond} times a second, and no more`);
    this.nextStart = start + 1_000 / this.perSecond;
    await pause(start - now);
  }
}

/**
 * The circuit breaker, which delays calls and never decides an outcome. After five effects in a row
 * have failed, for five seconds only one call is made at a time, and none for an effect that has
 * failed. So a provider that is down is not flooded, and an order whose own calls fail does not
 * delay other orders.
 */
class Breaker {
  /** keys of the effects that have failed since the last success */
  private readonly failed = new Set<string>();
  private pausedUntil = 0;
  /** whether a trial call, made during a pause, is in flight */
  private isTrying = false;
  private lastProblem = '';
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Runs `work`. Only the calls that it makes through `watched` count as a success or a failure.
   *
   * @throws ProviderBusy in a pause
   */
  async guard<T>(
    key: string,
    work: (watched: (call: () => Promise<T>) => Promise<T>) => Promise<T>,
  ): Promise<T> {
    const isTrial = this.admit(key);
    this.isTrying ||= isTrial;
    try {
      return await work((call) => this.watched(key, call));
    } finally {
      if (isTrial) this.isTrying = false;
    }
  }

  /** @returns whether the call is a trial during a pause */
  private admit(key: string): boolean {
    if (Date.now() >= this.pausedUntil) return false;
    if (this.isTrying || this.failed.has(key))
      throw new ProviderBusy(`${this.name} has a pause, because calls to it fail: ${this.lastProblem}`);
    return true;
  }

  private async watched<T>(key: string, call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      this.failed.clear();
      this.pausedUntil = 0;
      return answer;
    } catch (error) {
      this.noteFailure(key, error);
      throw error;
    }
  }

  private noteFailure(key: string, error: unknown): void {
    this.lastProblem = messageOf(error);
    this.failed.add(key);
    const [oldest] = this.failed;
    if (this.failed.size > maxFailed && oldest !== undefined) this.failed.delete(oldest);
    if (this.failed.size >= failuresBeforePause) this.pausedUntil = Date.now() + pauseMs;
  }
}
