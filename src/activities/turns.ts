import { setTimeout } from 'node:timers/promises';

/** Waiting longer than this is worse than meeting others. */
const longestWaitMs = 1_000;

/**
 * Makes the callers of one process take turns over what they share. Transactions that write to one document at the same
 * time fail all but one, and try again later and later: a queue is many times faster. It is a courtesy that nothing relies
 * on; other processes do not know of it.
 */
export class Turns {
  private readonly last = new Map<string, Promise<void>>();

  /** Runs `work` when all those are done that came before and share a name with it, or after a second. */
  async take<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = names.map((name) => this.last.get(name)).filter((turn) => turn !== undefined);
    const result = before.length === 0 ? work() : this.after(before).then(work);
    const turn = result.then(
      () => undefined,
      () => undefined,
    );
    for (const name of names) this.last.set(name, turn);
    try {
      return await result;
    } finally {
      for (const name of names) if (this.last.get(name) === turn) this.last.delete(name);
    }
  }

  private async after(turns: readonly Promise<void>[]): Promise<void> {
    const waited = new AbortController();
    await Promise.race([Promise.all(turns), setTimeout(longestWaitMs, undefined, { signal: waited.signal })]);
    waited.abort();
  }
}
