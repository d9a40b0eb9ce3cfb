import { setTimeout } from 'node:timers/promises';

/** Runs work when all work before it has ended. */
export type ThrottledMutex = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * A mutex for background work, first come, first served. While callers are waiting, it stays locked
 * after each piece of work for as long as the piece took, so such work takes at most half of the
 * time.
 *
 * @param pause waits for that many milliseconds; tests pass their own
 */
export function createThrottledMutex(
  pause: (ms: number) => Promise<unknown> = async (ms) => await setTimeout(ms),
): ThrottledMutex {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const previous = last;
    let release: () => void = () => undefined;
    last = new Promise<void>((resolve) => (release = resolve));
    waiting += 1;
    await previous;
    waiting -= 1;
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      if (waiting === 0) release();
      else void pause(performance.now() - startedAt).then(release);
    }
  };
}
