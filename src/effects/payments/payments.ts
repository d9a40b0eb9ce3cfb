import type { EffectOf, OutcomeOf } from '../../order/effects.js';

/**
 * The port to a payment provider. What a caller may rely on, of every provider:
 *
 * - `key` is the idempotency key. A call that is repeated with it, after any failure or at the same time, has one effect in
 *   all, and every answer is the first. With other parameters the key is refused by an error, without effect.
 * - An answer is a business answer, final for its key. An error says nothing: the effect may have happened. Call again.
 * - captured ≤ authorized for each authorization, and refunded ≤ captured for each capture, whatever is called.
 *
 * Amounts are in minor units of `currency`.
 */
export interface PaymentProvider {
  /**
   * Sets `amount` aside for `ttl` ms from now. `pending`: the customer has yet to agree; the provider will tell by its
   * webhook. Voiding it before then makes sure that it is never set aside.
   */
  authorize(request: EffectOf<'authorize'>): Promise<OutcomeOf<'authorize'>>;
  /** Takes part of an authorization. `expired`: it had lapsed. A voided or pending one answers `declined`. */
  capture(request: EffectOf<'capture'>): Promise<OutcomeOf<'capture'>>;
  /** Gives back what was not captured of an authorization, pending or not; after that nothing can be captured from it. */
  void(request: EffectOf<'void'>): Promise<OutcomeOf<'void'>>;
  /** Gives back part of a capture. More than was captured is refused by an error. */
  refund(request: EffectOf<'refund'>): Promise<OutcomeOf<'refund'>>;
}
