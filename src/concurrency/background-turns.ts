import { setTimeout } from 'node:timers/promises';

/** Runs a piece of work after the pieces before it have ended. */
export type BackgroundTurns = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Runs background work one piece at a time, first come, first served. While callers are waiting, it
 * pauses after each piece for as long as the piece took, so background work takes at most half of
 * the time.
 */
export function createBackgroundTurns(): BackgroundTurns {
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
      else void setTimeout(performance.now() - startedAt).then(release);
    }
  };
}
