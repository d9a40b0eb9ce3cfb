import { messageOf } from '../outages/message-of.js';
import { ProviderBusy } from './provider-busy.js';

/** How many effects have to fail in a row before calls to the provider are paused. */
const FAILURES_BEFORE_PAUSE = 5;
const PAUSE_MS = 5_000;
const MAX_FAILED = 1_000;

/**
 * Pauses the calls to a provider that fails; it never decides an outcome. After five effects in a
 * row have failed, only one call is made at a time for five seconds, and none for an effect that
 * has failed before. So a provider that is down is not flooded, and an order whose own calls fail
 * does not delay other orders.
 */
export class CircuitBreaker {
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
   * Runs `work`. Only the calls that it makes through `observe` count as a success or a failure.
   *
   * @throws ProviderBusy in a pause, if a trial is in flight or the effect has failed before
   */
  async guard<T>(
    key: string,
    work: (observe: (call: () => Promise<T>) => Promise<T>) => Promise<T>,
  ): Promise<T> {
    const isTrial = this.admit(key);
    this.isTrying ||= isTrial;
    try {
      return await work((call) => this.observe(key, call));
    } finally {
      if (isTrial) this.isTrying = false;
    }
  }

  /**
   * @returns whether the call is a trial during a pause
   * @throws ProviderBusy if the call may not be made now
   */
  private admit(key: string): boolean {
    if (Date.now() >= this.pausedUntil) return false;
    if (this.isTrying || this.failed.has(key))
      throw new ProviderBusy(`${this.name} has a pause, because calls to it fail: ${this.lastProblem}`);
    return true;
  }

  private async observe<T>(key: string, call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      this.failed.clear();
      this.pausedUntil = 0;
      return answer;
    } catch (error) {
      this.countFailure(key, error);
      throw error;
    }
  }

  private countFailure(key: string, error: unknown): void {
    this.lastProblem = messageOf(error);
    this.failed.add(key);
    const [oldest] = this.failed;
    if (this.failed.size > MAX_FAILED && oldest !== undefined) this.failed.delete(oldest);
    if (this.failed.size >= FAILURES_BEFORE_PAUSE) this.pausedUntil = Date.now() + PAUSE_MS;
  }
}
