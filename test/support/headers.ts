import { randomUUID } from 'node:crypto';

/** Lets a command be answered once its order is at rest, which takes 20 s at most. */
export const whenAtRest = { prefer: 'wait=20' };

/** The `Idempotency-Key` header. */
export function key(value: string = randomUUID()) {
  return { 'idempotency-key': value };
}
