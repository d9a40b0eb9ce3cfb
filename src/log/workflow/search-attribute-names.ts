/** Names of search attributes that the log itself reads or sets. */
export const searchAttributes = {
  status: 'OrderStatus',
  customer: 'CustomerId',
  /** an attribute of the entity's `listing`; also true while the entity is halted */
  attention: 'NeedsAttention',
} as const;
