import { setTimeout } from 'node:timers/promises';

/**
 * Queues the callers of one process by the names of what they change. Concurrent transactions on
 * one document abort each other and retry with growing pauses; a queue is many times faster. It is
 * only an optimization: other processes do not take part in it.
 */
export class NamedQueue {
  private readonly maxWaitMs: number;
  private readonly last = new Map<string, Promise<unknown>>();

  constructor(maxWaitMs: number) {
    this.maxWaitMs = maxWaitMs;
  }

  /**
   * Runs `work` after all earlier callers that share a name with this one are done.
   *
   * @throws Error if that takes longer than `maxWaitMs`; `work` was not run
   */
  async run<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const earlier = names.map((name) => this.last.get(name)).filter((one) => one !== undefined);
    const result = earlier.length === 0 ? work() : this.wait(Promise.all(earlier)).then(work);
    // A caller that times out does not let later callers jump the queue.
    const done = Promise.allSettled([...earlier, result]);
    for (const name of names) this.last.set(name, done);
    try {
      return await result;
    } finally {
      void this.forget(names, done);
    }
  }

  private async wait(earlier: Promise<unknown>): Promise<void> {
    const waited = new AbortController();
    await Promise.race([earlier, this.timeout(waited.signal)]).finally(() => waited.abort());
  }

  private async timeout(waited: AbortSignal): Promise<never> {
    await setTimeout(this.maxWaitMs, undefined, { signal: waited });
    throw new Error(`Earlier calls are still running after ${this.maxWaitMs} ms.`);
  }

  private async forget(names: readonly string[], done: Promise<unknown>): Promise<void> {
    await done;
    for (const name of names) if (this.last.get(name) === done) this.last.delete(name);
  }
}

/**
 * Queues transactions on the same SKU: popular SKUs are in many orders at the same time. The wait
 * and the transaction together stay below an activity's 10 s.
 */
export const skuQueue = new NamedQueue(4_000);
