import { setTimeout } from 'node:timers/promises';

/**
 * Does background work one piece after the other, first come, first served. While more waits, it rests after each piece for
 * as long as that took: all of it together takes half of what there is, however much there is to do.
 */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const before = last;
    let end: () => void = () => undefined;
    last = new Promise<void>((resolve) => (end = resolve));
    waiting += 1;
    await before;
    waiting -= 1;
    const begun = performance.now();
    try {
      return await work();
    } finally {
      if (waiting === 0) end();
      else void setTimeout(performance.now() - begun).then(end);
    }
  };
}
