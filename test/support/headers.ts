import { randomUUID } from 'node:crypto';

/** Asks for the answer when the order is at rest, or after 20 s if it is not at rest by then. */
export const whenAtRest = { prefer: 'wait=20' };

/** The `Idempotency-Key` header. */
export function key(value: string = randomUUID()) {
  return { 'idempotency-key': value };
}
