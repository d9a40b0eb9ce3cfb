import { pause } from '../concurrency/pause.js';
import { MAX_WAIT_MS, ProviderBusy } from './provider-busy.js';

/** Delays calls, so that no more begin in a second than the provider's limit allows. */
export class RateLimiter {
  private nextStart = 0;
  private readonly name: string;
  private readonly perSecond: number | undefined;

  constructor(name: string, perSecond: number | undefined) {
    this.name = name;
    this.perSecond = perSecond;
  }

  /** Waits until a call may begin. @throws ProviderBusy if that is longer than `MAX_WAIT_MS` */
  async wait(): Promise<void> {
    if (this.perSecond === undefined) return;
    const now = Date.now();
    const start = Math.max(now, this.nextStart);
    if (start - now > MAX_WAIT_MS)
      throw new ProviderBusy(`${this.name} may be asked only ${this.perSecond} times a second`);
    this.nextStart = start + 1_000 / this.perSecond;
    await pause(start - now);
  }
}
