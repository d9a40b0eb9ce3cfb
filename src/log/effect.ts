/** Something that an entity owes the outside world, such as a payment to capture. */
export interface Effect {
  readonly type: string;
  /** the idempotency key that providers get: `<id>:<type>:<version that made it owed>` */
  readonly key: string;
  /** the correlation id of the event that made it owed */
  readonly correlationId: string;
  /** the trace id of that event; absent if it has none */
  readonly traceId?: string;
}

/** The version of the event that made the effect with this key owed. */
export function versionInKey(key: string): number {
  return Number(key.slice(key.lastIndexOf(':') + 1));
}
