import type { EffectType, OutcomeOf } from '../order/effects.js';

/*
 * What the ports to outside systems have in common. Contract of every implementation:
 *
 * - The effect's `key` is the idempotency key. A call that is repeated with it, after any failure,
 *   concurrently, or from another process, takes effect once, and every call gets the first answer.
 *   A call with the key and other parameters fails with an error, and has no effect.
 * - An answer is a business answer, final for its key. After a time-out or a lost connection there
 *   is no business answer: throw, or answer `unknown`. The key is then looked up, and the call is
 *   repeated if nothing took effect. So `unknown` and errors delay an order and decide nothing.
 * - Calls must not block the event loop, and should end when `signal` is aborted.
 */

/** Whether the call took effect is not known. */
export interface Unknown {
  readonly type: 'unknown';
}

/** Nothing took effect under the key so far: the call may be repeated with it. */
export interface NotDone {
  readonly type: 'none';
}

/** What a look-up answers. `unknown`: the provider cannot say yet, so it is asked again. */
export type LookUpAnswer<T extends EffectType> = OutcomeOf<T> | NotDone | Unknown;

export interface CallOptions {
  /** aborted when the system no longer waits for the answer */
  readonly signal: AbortSignal;
}

/**
 * How many calls each process of the role `worker` makes to a provider. For carriers, the limits
 * apply twice: to bookings and to tracking, so that neither waits for the other.
 */
export interface Limits {
  /** calls at a time */
  readonly concurrency: number;
  /** calls that may begin in a second; absent: no limit */
  readonly perSecond?: number;
  /** timeout of one look-up and one call together; after it, the outcome is unknown */
  readonly timeoutMs: number;
}

/** A provider as steps use it. */
export interface Provider<P> {
  /** the name in messages: `payments (./my-provider.mjs)` */
  readonly name: string;
  readonly port: P;
  readonly limits: Limits;
}
