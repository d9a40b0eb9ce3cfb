const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

/** @param before attempts that failed */
export function retryMs(before: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** before);
}
