import type { AnyBulkWriteOperation, Decimal128, Long, UpdateFilter } from 'mongodb';
import { storedCount, storedSum } from '../stored-numbers.js';
import type { ViewChange, Comparable, ViewDocument } from '../view.js';

/** What a batch of events changes in one document, by field path. */
interface Merged {
  readonly count: Map<string, bigint>;
  readonly sum: Map<string, bigint>;
  readonly min: Map<string, Comparable>;
  readonly max: Map<string, Comparable>;
}

/** Merges the changes of many events into one write for each document. */
export class MergedChanges {
  private readonly byId = new Map<string, Merged>();

  merge({ id, add, min, max }: ViewChange): void {
    let merged = this.byId.get(id);
    if (merged === undefined) {
      merged = { count: new Map(), sum: new Map(), min: new Map(), max: new Map() };
      this.byId.set(id, merged);
    }
    if (add !== undefined) sumUp(merged, '', add);
    for (const [path, value] of Object.entries(min ?? {})) keepExtreme(merged.min, path, value, -1);
    for (const [path, value] of Object.entries(max ?? {})) keepExtreme(merged.max, path, value, 1);
  }

  toWrites(): AnyBulkWriteOperation<ViewDocument>[] {
    return [...this.byId].map(([_id, { count, sum, min, max }]) => ({
      updateOne: {
        filter: { _id },
        update: toUpdate({
          $inc: new Map<string, Long | Decimal128>([
            ...stored(count, storedCount),
            ...stored(sum, storedSum),
          ]),
          $min: min,
          $max: max,
        }),
        upsert: true,
      },
    }));
  }
}

function sumUp(merged: Merged, prefix: string, add: NonNullable<ViewChange['add']>): void {
  for (const [name, value] of Object.entries(add)) {
    const path = prefix + name;
    if (typeof value === 'object') {
      sumUp(merged, `${path}.`, value);
      continue;
    }
    const sums = typeof value === 'number' ? merged.count : merged.sum;
    sums.set(path, (sums.get(path) ?? 0n) + BigInt(value));
  }
}

function stored<T>(sums: ReadonlyMap<string, bigint>, as: (value: bigint) => T): readonly [string, T][] {
  return [...sums].map(([path, value]) => [path, as(value)]);
}

function keepExtreme(kept: Map<string, Comparable>, path: string, value: Comparable, sign: 1 | -1): void {
  const known = kept.get(path);
  if (known === undefined || compare(value, known) * sign > 0) kept.set(path, value);
}

/** Compares as MongoDB's `$min` and `$max` do: text by code points, documents member by member. */
function compare(one: Comparable, other: Comparable): number {
  const [these, those] = [membersOf(one), membersOf(other)];
  for (const [index, value] of these.entries()) {
    const compared = compareScalars(value, those[index] ?? '');
    if (compared !== 0) return compared;
  }
  return 0;
}

function compareScalars(one: string | number, other: string | number): number {
  if (typeof one === 'string' && typeof other === 'string')
    return Buffer.compare(Buffer.from(one), Buffer.from(other));
  return one < other ? -1 : one > other ? 1 : 0;
}

function membersOf(value: Comparable): readonly (string | number)[] {
  return typeof value === 'object' ? Object.values(value) : [value];
}

function toUpdate(operators: Readonly<Record<string, ReadonlyMap<string, unknown>>>) {
  const used = Object.entries(operators).filter(([, fields]) => fields.size > 0);
  const update: UpdateFilter<ViewDocument> = Object.fromEntries(
    used.map(([operator, fields]) => [operator, Object.fromEntries(fields)]),
  );
  return update;
}
