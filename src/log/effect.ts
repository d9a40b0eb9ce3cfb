/** Something that an entity owes the outside world, such as a payment to capture. */
export interface Effect {
  readonly type: string;
  /** the idempotency key that providers get (`effectKey`) */
  readonly key: string;
  /** the correlation id of the event that made it owed */
  readonly correlationId: string;
  /** the trace id of that event; absent if it has none */
  readonly traceId?: string;
}

/** The parts of an effect's key. Id and type have no colon. */
export interface EffectKeyParts {
  readonly orderId: string;
  readonly type: string;
  /** the version of the event that made the effect owed */
  readonly version: number;
}

/** The key of an effect, `<orderId>:<type>:<version>`; persisted, and known to providers. */
export function effectKey({ orderId, type, version }: EffectKeyParts): string {
  return `${orderId}:${type}:${version}`;
}

/** The parts of an effect's key; undefined if it is the key, or the id, of something else. */
export function effectKeyParts(key: string): EffectKeyParts | undefined {
  const [, orderId, type, version] = /^([^:]+):([^:]+):(\d+)$/.exec(key) ?? [];
  return orderId === undefined || type === undefined
    ? undefined
    : { orderId, type, version: Number(version) };
}

/** The id of the entity that owes the effect with this key. */
export function orderIdInKey(key: string): string {
  return key.split(':').slice(0, -2).join(':');
}

/** The version of the event that made the effect with this key owed. */
export function versionInKey(key: string): number {
  return Number(key.slice(key.lastIndexOf(':') + 1));
}
