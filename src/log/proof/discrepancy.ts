import type { StopReason } from '../journal/stops.js';

/**
 * Something about an entity that is not the same everywhere.
 *
 * @typeParam W names of the outside systems that are compared (`OutsideProof`)
 */
export interface Discrepancy<W extends string = never> {
  /** absent if it is not about one entity */
  readonly orderId?: string;
  /** the first version that is affected; absent if it is about the entity as a whole */
  readonly version?: number;
  readonly where: 'journal' | 'history' | 'view' | 'workflow' | 'positions' | W;
  /**
   * the effect's key, or the id of an entry, in an outside system; absent if it is about the log
   */
  readonly key?: string;
  /**
   * `differs`: two places disagree; `behind`: one place lacks what another has already; `stopped`:
   * the entity cannot continue on its own; `unanswered`: the place could not be checked
   */
  readonly kind: 'differs' | 'behind' | 'stopped' | 'unanswered';
  /** what was found and what was expected, in words */
  readonly detail: string;
  /** why the entity cannot continue; only for `stopped` */
  readonly code?: StopReason['code'];
  /** what an operator has to do */
  readonly remedy?: string;
}
