import { createHash } from 'node:crypto';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Creation, StartOptions } from './log/entity-log/entity-log.js';
import { statusKey } from './log/search-attribute-names.js';
import { asDetails } from './log/workflow/temporal-ui.js';
import { customerAttribute } from './order/listing.js';
import { formatMoney } from './order/money.js';
import type { Order } from './order/order.js';

const customerKey = defineSearchAttributeKey(customerAttribute, SearchAttributeType.KEYWORD);

/**
 * How each run of an order's workflow is found and shown in Temporal. It contains no personal
 * data.
 */
export function startOptionsOf(order: Order, { commandId, hash, actor, onBehalfOf }: Creation): StartOptions {
  const { orderId, status, customer, total, currency, lines } = order;
  return {
    priority: { fairnessKey: fairnessKeyOf(actor) },
    typedSearchAttributes: [
      { key: statusKey, value: status },
      { key: customerKey, value: customer.id },
    ],
    memo: { hash, commandId },
    staticSummary: `${customer.id} · ${formatMoney(total, currency)}`,
    staticDetails: asDetails(
      [
        `Order **${orderId}** of customer ${customer.id}`,
        '',
        ...lines.map(
          ({ sku, quantity, unitPrice }) => `- ${quantity} × ${sku} at ${formatMoney(unitPrice, currency)}`,
        ),
        '',
        `Total **${formatMoney(total, currency)}**, placed by ${actor}${onBehalfOf === undefined ? '' : ` for ${onBehalfOf}`}`,
      ].join('\n'),
    ),
  };
}

/** Temporal's limit for a fairness key; an issuer may be longer. */
const MAX_FAIRNESS_KEY_BYTES = 64;

/**
 * The fairness key, by which Temporal divides its workers among issuers: the issuer, or its SHA-256
 * if the issuer is too long.
 */
export function fairnessKeyOf(issuer: string): string {
  if (Buffer.byteLength(issuer) <= MAX_FAIRNESS_KEY_BYTES) return issuer;
  return createHash('sha256').update(issuer).digest('base64url');
}
