import { defineSearchAttributeKey } from '@temporalio/common';

/** Names of search attributes that the log sets or reads. */
export const searchAttributes = {
  status: 'OrderStatus',
  /** an attribute of the entity's `listing`; also true while the entity is halted */
  attention: 'NeedsAttention',
} as const;

/** The status with its type, as Temporal's client takes and gives it. */
export const statusKey = defineSearchAttributeKey(searchAttributes.status, 'KEYWORD');
