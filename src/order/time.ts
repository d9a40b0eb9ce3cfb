/**
 * `iso` plus `milliseconds`; argument and result are ISO-8601 UTC. The order never reads a clock:
 * all times are arguments.
 */
export function later(iso: string, milliseconds: number): string {
  // oxlint-disable-next-line no-restricted-globals -- converts a given time and reads no clock
  return new Date(Date.parse(iso) + milliseconds).toISOString();
}
