/** The workflow's clock: when the current task started. It is the same in every replay. */
export function now(): string {
  return new Date().toISOString();
}
