import { createHash } from 'node:crypto';
import { workflowId } from '../../order-log.js';
import type { WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { formatMoney } from '../../order/money.js';
import type { Order } from '../../order/order.js';
import { searchAttributes } from '../workflow/messages.js';

const statusAttribute = defineSearchAttributeKey(searchAttributes.status, SearchAttributeType.KEYWORD);
const customerAttribute = defineSearchAttributeKey(searchAttributes.customer, SearchAttributeType.KEYWORD);

/** Facts about the command that created an order. */
export interface Creation {
  readonly commandId: string;
  /** of the command's body */
  readonly hash: string;
  readonly actor: string;
  readonly onBehalfOf?: string;
}

/**
 * The options that every run of an order's workflow is started with: its id, and how it is found
 * and shown in Temporal. No person is in them.
 */
export function startOptionsOf(
  order: Order,
  { commandId, hash, actor, onBehalfOf }: Creation,
): Pick<
  WorkflowStartOptions,
  'workflowId' | 'priority' | 'typedSearchAttributes' | 'memo' | 'staticSummary' | 'staticDetails'
> {
  const { orderId, status, customer, total, currency, lines } = order;
  return {
    workflowId: workflowId(orderId),
    priority: { fairnessKey: fairnessKeyOf(actor) },
    typedSearchAttributes: [
      { key: statusAttribute, value: status },
      { key: customerAttribute, value: customer.id },
    ],
    memo: { hash, commandId },
    staticSummary: `${customer.id} · ${formatMoney(total, currency)}`,
    staticDetails: [
      `Order **${orderId}** of customer ${customer.id}`,
      '',
      ...lines.map(
        ({ sku, quantity, unitPrice }) => `- ${quantity} × ${sku} at ${formatMoney(unitPrice, currency)}`,
      ),
      '',
      `Total **${formatMoney(total, currency)}**, placed by ${actor}${onBehalfOf === undefined ? '' : ` for ${onBehalfOf}`}`,
    ].join('\n'),
  };
}

/** Temporal's limit for a fairness key; an issuer may be longer. */
const FAIRNESS_KEY_BYTES = 64;

/**
 * The key by which Temporal shares its workers fairly: the issuer, or its SHA-256 if the issuer is
 * too long.
 */
export function fairnessKeyOf(issuer: string): string {
  if (Buffer.byteLength(issuer) <= FAIRNESS_KEY_BYTES) return issuer;
  return createHash('sha256').update(issuer).digest('base64url');
}
