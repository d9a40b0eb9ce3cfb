import type { Discrepancy } from '../../log/proof/discrepancy.js';
import type { SettledEffect } from './settled-effects.js';

/**
 * The systems outside the log of orders, as `where` of a discrepancy names them. The names are part
 * of the API.
 */
export type OutsideName = 'stock' | 'payments' | 'carriers';

export type OrderDiscrepancy = Discrepancy<OutsideName>;

/** What an outside system has recorded for an order. The id of an entry is an effect's key. */
export interface Entries<T> {
  readonly where: OutsideName;
  /** the entries, read before the log */
  readonly seen: readonly T[];
  readonly find: (keys: string[]) => Promise<readonly T[]>;
  /** False for an entry whose effect may still be under way. */
  readonly isDone: (entry: T) => boolean;
  /** What is wrong with the entry of a settled effect; undefined if nothing is. */
  readonly wrong: (entry: T | undefined, settled: SettledEffect) => EntryFinding | undefined;
  /** What is wrong with an entry whose key no effect of the order has; undefined if nothing is. */
  readonly unexplained: (entry: T) => EntryFinding | undefined;
}

export type EntryFinding = Pick<Discrepancy, 'detail' | 'remedy'>;

/**
 * Compares the entries of an outside system with the effects that an order's log proves.
 *
 * @param settled the effects of the order that this system performs
 * @param keys the keys of all effects of the order, settled or owed
 */
export async function compareEntries<T extends { readonly _id: string }>(
  { where, seen, find, isDone, wrong, unexplained }: Entries<T>,
  settled: readonly SettledEffect[],
  keys: ReadonlySet<string>,
): Promise<readonly Omit<OrderDiscrepancy, 'orderId' | 'kind'>[]> {
  const entryOf = byKey(seen);
  const missing = settled
    .map(({ effect }) => effect.key)
    .filter((key) => {
      const entry = entryOf.get(key);
      return entry === undefined || !isDone(entry);
    });
  // The effect may have been performed after the entries were read.
  const later = missing.length === 0 ? [] : await find(missing);
  for (const [key, entry] of byKey(later)) entryOf.set(key, entry);
  const ofEffects = settled.flatMap((one) => {
    const { key } = one.effect;
    const finding = wrong(entryOf.get(key), one);
    return finding === undefined ? [] : [{ where, version: one.event.version, key, ...finding }];
  });
  const others = [...byKey(seen)].flatMap(([key, entry]) => {
    const finding = keys.has(key) ? undefined : unexplained(entry);
    return finding === undefined ? [] : [{ where, key, ...finding }];
  });
  return [...ofEffects, ...others];
}

function byKey<T extends { readonly _id: string }>(entries: readonly T[]): Map<string, T> {
  return new Map(
    entries.map((entry) => {
      const { _id: key } = entry;
      return [key, entry];
    }),
  );
}
