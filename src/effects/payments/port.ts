import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import type { CallOptions, LookUpAnswer, Limits, Unknown } from '../port.js';

export type PaymentType = 'authorize' | 'capture' | 'void' | 'refund';

/**
 * The port to a payment provider. The contract of all ports (`port.ts`) holds, and:
 *
 * - For each authorization, captured ≤ authorized, and for each capture, refunded ≤ captured,
 *   whichever calls are made.
 *
 * Amounts are in minor units of `currency`, an ISO-4217 code.
 */
export interface PaymentProvider {
  /**
   * Sets `amount` aside for `ttl` ms from now. `pending`: the customer has not agreed yet, and the
   * provider's webhook will report the result. Voiding a pending authorization makes sure that
   * nothing is set aside.
   */
  authorize(request: EffectOf<'authorize'>, options: CallOptions): Promise<OutcomeOf<'authorize'> | Unknown>;
  /**
   * Captures `amount` from an authorization. `expired`: the authorization has expired. `declined`:
   * it is voided or pending, or has less than `amount` left.
   */
  capture(request: EffectOf<'capture'>, options: CallOptions): Promise<OutcomeOf<'capture'> | Unknown>;
  /**
   * Releases what was not captured of an authorization, even if it is pending. Nothing can be
   * captured from it afterwards.
   */
  void(request: EffectOf<'void'>, options: CallOptions): Promise<OutcomeOf<'void'> | Unknown>;
  /** Gives back part of a capture. A refund of more than was captured fails with an error. */
  refund(request: EffectOf<'refund'>, options: CallOptions): Promise<OutcomeOf<'refund'> | Unknown>;
  /** The answer to the call with this key, even if it never reached a caller. */
  lookUp(key: string, options: CallOptions): Promise<LookUpAnswer<PaymentType>>;
}

/** A module that `PAYMENTS` may name: the port's functions are its exports. */
export interface PaymentModule extends PaymentProvider {
  readonly limits?: Partial<Limits>;
  /**
   * For certification: the balance of one order. A module that stores keys can find an order's rows
   * by them: each key is `<orderId>:<type>:…`.
   */
  balance?(orderId: string): Promise<Balance>;
  /**
   * For certification: values of `method` that lead to a known outcome. By default, those of the
   * sandbox.
   */
  readonly testMethods?: Partial<TestMethods>;
}

/** Sums over an order, in minor units. */
export interface Balance {
  /** authorized, and neither captured nor released */
  readonly held: number;
  readonly captured: number;
  readonly refunded: number;
}

export interface TestMethods {
  readonly approved: string;
  readonly declined: string;
  /** the customer has not agreed yet */
  readonly pending: string;
  /** approved, a second or more after the call began */
  readonly slow: string;
}

export const sandboxMethods: TestMethods = {
  approved: 'tok_ok',
  declined: 'tok_declined',
  pending: 'tok_pending',
  slow: 'tok_slow',
};
