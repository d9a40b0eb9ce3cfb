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
 * @param name of the provider, for messages
 */
export function createGate(name: string, { concurrency, perSecond, timeoutMs }: Limits): Gate {
  const line = new Line(name, concurrency);
  const pace = new Pace(name, perSecond);
  const breaker = new Breaker(name);

  async function inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const aborting = new AbortController();
    try {
      // Wrapped, since a module's function may also throw before it returns a promise.
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
        line.inTurn(async () => {
          await pace.wait();
          return await watched(() => inTime(work));
        }),
      ),
  };
}

/** Lets so many calls through at a time; as many more wait in line. */
class Line {
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
    // The place is handed over, so `running` stays.
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
 * The circuit breaker, which delays and never decides. After five effects in a row have failed, for
 * five seconds only one call is made at a time, and none of an effect that has failed. So a provider
 * that is down is not flooded, and an order whose own calls fail does not delay its neighbours.
 */
class Breaker {
  /** keys of the effects that have failed since the last success */
  private readonly failed = new Set<string>();
  private pausedUntil = 0;
  /** whether a call is under way that was let through in a pause */
  private isTrying = false;
  private lastProblem = '';
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Runs `work`, which passes the provider's call through `watched`.
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

  /** @returns whether it is a trial, in a pause */
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
