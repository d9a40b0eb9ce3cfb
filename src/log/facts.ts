import type { Refused } from './decision.js';
import type { Cause } from './event.js';

/**
 * What an entity does with facts. A fact is what an outside system reports, such as a delivery. A
 * fact that does not fit yet is not refused: it waits in the log.
 */
export interface Facts<S, D> {
  /** the types of facts; each is the name of a signal */
  readonly types: readonly string[];
  readonly judge: (state: S, type: string, data: unknown, now: string) => FactJudgement<D> | Refused;
  /** whether a fact with this command id is waiting */
  readonly isWaiting: (state: S, commandId: string) => boolean;
  /** whether one more fact may wait */
  readonly hasRoom: (state: S) => boolean;
  /** the first waiting fact that fits now; undefined if there is none */
  readonly fitting: (state: S, now: string) => FittingFact<D> | undefined;
  /**
   * judges a fact without an issuer, which an early version of this code sent; undefined if the
   * fact is ignored
   */
  readonly judgeWithoutIssuer?: (
    ...fact: Parameters<Facts<S, D>['judge']>
  ) => FactJudgement<D> | Refused | undefined;
}

/**
 * `settles` is the key of the effect that the fact settles. `reflected` means that the state has
 * the fact already. `received` is the event that stores a fact which does not fit yet.
 */
export type FactJudgement<D> =
  | { readonly kind: 'applies'; readonly events: readonly D[]; readonly settles?: string }
  | { readonly kind: 'reflected' }
  | { readonly kind: 'waits'; readonly received: D };

/** A waiting fact that fits now. `fact` has the ids with which it was received. */
export interface FittingFact<D> {
  readonly fact: Pick<Cause, 'commandId' | 'causationId'>;
  readonly events: readonly D[];
  readonly cause: Cause;
}
