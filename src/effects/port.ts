import type { EffectType, OutcomeOf } from '../order/effects.js';

/**
 * What the ports to outside systems have in common. Contract of every implementation:
 *
 * - The effect's `key` is the idempotency key. A call that is repeated with it, after any failure,
 *   concurrently, or from another process, takes effect once, and every answer is the first. With
 *   other parameters, the key is refused by an error, without effect.
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

/** What is known of a key. `unknown`: it cannot be said yet; the question is asked again. */
export type Known<T extends EffectType> = OutcomeOf<T> | NotDone | Unknown;

export interface CallOptions {
  /** aborted when the system no longer waits for the answer */
  readonly signal: AbortSignal;
}

/** How much a provider is asked, by each process of the role `worker`. */
export interface Limits {
  /** calls at a time */
  readonly concurrency: number;
  /** calls that may begin in a second; absent for any number */
  readonly perSecond?: number;
  /** time for one look-up and one call together; what takes longer has an unknown outcome */
  readonly timeoutMs: number;
}
