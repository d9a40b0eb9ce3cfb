/**
 * `iso` plus `milliseconds`, both ISO-8601 UTC. Times are handed in, never read: this is arithmetic on a given time.
 */
export function later(iso: string, milliseconds: number): string {
  // oxlint-disable-next-line no-restricted-globals -- a conversion of a given time; the clock is not read
  return new Date(Date.parse(iso) + milliseconds).toISOString();
}
