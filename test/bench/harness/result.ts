/** The result of a measurement, as the last line of output has it. Times are in milliseconds. */
export interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** what the baseline reached, in the same unit */
  readonly baseline: number | null;
  /** value / baseline */
  readonly ratio: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** The goal of a result; shown in the table. */
export interface Goal {
  readonly of: 'value' | 'ratio' | 'p99';
  readonly is: '≥' | '≤';
  readonly limit: number;
}

export interface Judged {
  readonly result: Result;
  readonly goal?: Goal;
}

export function holds({ of, is, limit }: Goal, result: Result): boolean {
  const seen = result[of];
  if (seen === null) return false;
  return is === '≥' ? seen >= limit : seen <= limit;
}

/** One value without percentiles. */
export function single(
  name: string,
  value: number,
  unit: string,
  { baseline, goal }: { readonly baseline?: number; readonly goal?: Goal } = {},
): Judged {
  const ratio = baseline === undefined ? null : value / baseline;
  const result = { name, value, unit, baseline: baseline ?? null, ratio, p50: null, p95: null, p99: null };
  return { result, ...(goal && { goal }) };
}
