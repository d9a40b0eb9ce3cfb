import type { SettledEffect } from './settled-effects.js';

/**
 * Movements or entries by key. Keys of settled effects that were not seen, or had no answer, are
 * looked up again.
 */
export async function withLater<T extends { readonly _id: string }>(
  seen: readonly T[],
  settled: readonly SettledEffect[],
  look: (keys: string[]) => Promise<readonly T[]>,
): Promise<ReadonlyMap<string, T>> {
  const done = byKey(seen);
  const isDone = (one: T | undefined) => one !== undefined && !('calls' in one && !('outcome' in one));
  const missing = settled.map(({ effect }) => effect.key).filter((key) => !isDone(done.get(key)));
  return missing.length === 0 ? done : new Map([...done, ...byKey(await look(missing))]);
}

function byKey<T extends { readonly _id: string }>(found: readonly T[]): ReadonlyMap<string, T> {
  return new Map(
    found.map((one) => {
      const { _id: key } = one;
      return [key, one];
    }),
  );
}
