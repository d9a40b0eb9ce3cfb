import type { EffectOf, OutcomeOf } from '../../order/effects.js';

/**
 * The port to a payment provider. Contract of every implementation:
 *
 * - `key` is the idempotency key. A call that is repeated with it, after any failure or
 *   concurrently, takes effect once, and every answer is the first. With other parameters, the key
 *   is refused by an error, without effect.
 * - An answer is a business answer, final for its key. An error says nothing: the effect may have
 *   happened. Call again.
 * - For each authorization, captured ≤ authorized, and for each capture, refunded ≤ captured,
 *   whatever is called.
 *
 * Amounts are in minor units of `currency`.
 */
export interface PaymentProvider {
  /**
   * Sets `amount` aside for `ttl` ms from now. `pending`: the customer has yet to agree, and the
   * provider's webhook will report the result. Voiding a pending authorization makes sure that
   * nothing is set aside.
   */
  authorize(request: EffectOf<'authorize'>): Promise<OutcomeOf<'authorize'>>;
  /**
   * Takes part of an authorization. `expired`: it has lapsed. A voided or pending one answers
   * `declined`.
   */
  capture(request: EffectOf<'capture'>): Promise<OutcomeOf<'capture'>>;
  /**
   * Releases what was not captured of an authorization, pending or not; it cannot be captured from
   * afterwards.
   */
  void(request: EffectOf<'void'>): Promise<OutcomeOf<'void'>>;
  /** Gives back part of a capture. More than was captured is refused by an error. */
  refund(request: EffectOf<'refund'>): Promise<OutcomeOf<'refund'>>;
}
