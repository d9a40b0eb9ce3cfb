/** The time `ms` ago, ISO-8601 UTC. */
export function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString();
}

/** Milliseconds since `time`; 0 if it is absent, or later than this machine's clock. */
export function ageOf(time: string | undefined): number {
  return time === undefined ? 0 : Math.max(0, Date.now() - Date.parse(time));
}

/** `iso` plus `milliseconds`; argument and result are ISO-8601 UTC. */
export function later(iso: string, milliseconds: number): string {
  return new Date(Date.parse(iso) + milliseconds).toISOString();
}
