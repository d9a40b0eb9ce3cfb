/**
 * Codes of rows, the most serious first; the list is sorted in this order. `order_forked` is the
 * code for every kind of entity: a forked endpoint is listed under it too, although its commands
 * are answered `endpoint_forked`.
 */
export const attentionCodes = [
  'order_forked',
  'workflow_ended',
  'workflow_rewound',
  'effect_owed',
  'payment_pending',
  'fact_unmatched',
  'tracking_failing',
  'order_undecided',
  'event_parked',
  'delivery_parked',
  'endpoint_disabled',
  'subscription_failing',
  'command_waiting',
  'stock_to_be_counted',
] as const;
export type AttentionCode = (typeof attentionCodes)[number];

/** Something that an operator has to look at. */
export interface AttentionRow {
  /** absent if the row is not about one order */
  readonly orderId?: string;
  readonly code: AttentionCode;
  /** ISO-8601 UTC */
  readonly since: string;
  /** what is wrong, in words */
  readonly detail: string;
  /** what to do, as a command line if there is one */
  readonly remedy: string;
  /**
   * for `effect_owed`, the number of the current or next attempt; absent if no step is pending, or
   * Temporal is unavailable
   */
  readonly attempts?: number;
  /**
   * for `effect_owed`, the time of the next attempt, ISO-8601 UTC; absent while an attempt is
   * running, and if `attempts` is absent
   */
  readonly nextTryAt?: string;
}
