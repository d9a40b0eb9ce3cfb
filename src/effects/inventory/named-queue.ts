import { setTimeout } from 'node:timers/promises';

/**
 * Makes the callers of one process take turns over what they share. Transactions that write to one document at the same
 * time fail all but one, and try again later and later: a queue is many times faster. Nothing relies on it; other processes
 * do not know of it.
 */
export class Turns {
  private readonly longestWaitMs: number;
  private readonly last = new Map<string, Promise<unknown>>();

  constructor(longestWaitMs: number) {
    this.longestWaitMs = longestWaitMs;
  }

  /**
   * Runs `work` once all callers are done that came before and share a name with this one.
   *
   * @throws Error where that takes too long; `work` has not run then
   */
  async take<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const ahead = names.map((name) => this.last.get(name)).filter((turn) => turn !== undefined);
    const result = ahead.length === 0 ? work() : this.wait(Promise.all(ahead)).then(work);
    // Whoever gives up waiting leaves those behind waiting for those ahead.
    const turn = Promise.allSettled([...ahead, result]);
    for (const name of names) this.last.set(name, turn);
    try {
      return await result;
    } finally {
      void this.forget(names, turn);
    }
  }

  private async wait(ahead: Promise<unknown>): Promise<void> {
    const waited = new AbortController();
    await Promise.race([ahead, this.tooLong(waited.signal)]).finally(() => waited.abort());
  }

  private async tooLong(waited: AbortSignal): Promise<never> {
    await setTimeout(this.longestWaitMs, undefined, { signal: waited });
    throw new Error(`Others are still at it after ${this.longestWaitMs} ms.`);
  }

  private async forget(names: readonly string[], turn: Promise<unknown>): Promise<void> {
    await turn;
    for (const name of names) if (this.last.get(name) === turn) this.last.delete(name);
  }
}
