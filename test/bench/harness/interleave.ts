import { type Goal, type Judged, single } from './result.js';

/** Some operations that were done in a row, or several at a time. */
export interface Block {
  readonly operations: number;
  /** from the first operation's start to the last one's end */
  readonly ms: number;
  /** the time of each operation that was timed, in milliseconds */
  readonly times: readonly number[];
}

/** The two sides of a comparison. */
export interface Sides<T> {
  readonly product: () => Promise<T>;
  readonly baseline: () => Promise<T>;
}

/** All blocks of one side together. */
export interface Series {
  readonly perSecond: number;
  /** the percentile of the times, for a share from 0 to 1 */
  readonly percentile: (share: number) => number;
}

export interface Measured {
  readonly product: Series;
  readonly baseline: Series;
}

/** Measures blocks of both sides in turns; see `inTurns`. */
export async function interleave(
  sides: Sides<Block>,
  blocks: number,
  note: (text: string) => void,
): Promise<Measured> {
  const { product, baseline } = await inTurns(sides, blocks, note);
  return { product: series(product), baseline: series(baseline) };
}

/**
 * Does the work of both sides in turns, so that other work on the machine affects both. The first
 * turn of each side is the warm-up and is not counted.
 */
export async function inTurns<T>(
  { product, baseline }: Sides<T>,
  turns: number,
  note: (text: string) => void,
): Promise<{ readonly product: readonly T[]; readonly baseline: readonly T[] }> {
  note('warming up');
  await product();
  await baseline();
  const seen: { readonly product: T[]; readonly baseline: T[] } = { product: [], baseline: [] };
  for (let turn = 1; turn <= turns; turn += 1) {
    note(`product, block ${turn} of ${turns}`);
    seen.product.push(await product());
    note(`baseline, block ${turn} of ${turns}`);
    seen.baseline.push(await baseline());
  }
  return seen;
}

export function series(blocks: readonly Block[]): Series {
  const sum = (of: (one: Block) => number): number => blocks.reduce((total, one) => total + of(one), 0);
  return {
    perSecond: (1_000 * sum(({ operations }) => operations)) / sum(({ ms }) => ms),
    percentile: percentileOf(blocks.flatMap(({ times }) => times)),
  };
}

/** Takes the nearest rank, so the result is one of the values. */
export function percentileOf(values: readonly number[]): (share: number) => number {
  const ascending = values.toSorted((a, b) => a - b);
  return (share) => ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)] ?? Number.NaN;
}

/** Operations per second. The percentiles are of the time of one operation. */
export function rate(name: string, unit: string, { product, baseline }: Measured, goal?: Goal): Judged {
  return judged(name, product.perSecond, unit, baseline.perSecond, product, goal);
}

/** The median time of one operation. */
export function duration(name: string, { product, baseline }: Measured, goal?: Goal): Judged {
  return judged(name, product.percentile(0.5), 'ms', baseline.percentile(0.5), product, goal);
}

/**
 * The percentiles of times in milliseconds.
 *
 * @param share which part of the times is at most the value of the result, from 0 to 1
 * @param baseline the same percentile of the baseline
 */
export function percentiles(
  name: string,
  times: readonly number[],
  share: number,
  { baseline, goal }: { readonly baseline?: number; readonly goal?: Goal } = {},
): Judged {
  const at = percentileOf(times);
  const { result } = single(name, at(share), 'ms', baseline === undefined ? {} : { baseline });
  return {
    result: { ...result, p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    ...(goal && { goal }),
  };
}

function judged(
  name: string,
  value: number,
  unit: string,
  baseline: number,
  { percentile }: Series,
  goal?: Goal,
): Judged {
  const at = (share: number) => {
    const time = percentile(share);
    // No operation was timed separately.
    return Number.isNaN(time) ? null : time;
  };
  const [p50, p95, p99] = [at(0.5), at(0.95), at(0.99)];
  const result = { name, value, unit, baseline, ratio: value / baseline, p50, p95, p99 };
  return { result, ...(goal && { goal }) };
}

/** Does `operations`, `atOnce` at a time; each is timed as a whole. */
export async function block(
  operations: number,
  atOnce: number,
  operation: (lane: number) => Promise<void>,
): Promise<Block> {
  const times: number[] = [];
  let begun = 0;
  const lane = async (index: number): Promise<void> => {
    while (begun < operations) {
      begun += 1;
      const start = performance.now();
      await operation(index);
      times.push(performance.now() - start);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: atOnce }, (_, index) => lane(index)));
  return { operations, ms: performance.now() - start, times };
}
