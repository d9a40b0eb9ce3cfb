import { workflowId } from '../../order-log.js';
import type { WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { fairnessKeyOf } from '../../api/commands/identity.js';
import { formatMoney } from '../../order/money.js';
import type { Order } from '../../order/order.js';
import { searchAttributes } from '../workflow/messages.js';

const statusAttribute = defineSearchAttributeKey(searchAttributes.status, SearchAttributeType.KEYWORD);
const customerAttribute = defineSearchAttributeKey(searchAttributes.customer, SearchAttributeType.KEYWORD);

/** Of the command that an order was created by. */
export interface Creation {
  readonly commandId: string;
  /** of its body */
  readonly hash: string;
  readonly actor: string;
}

/** How an order's workflow is found and shown in Temporal, whichever run of it is started. */
export function startOptionsOf(
  order: Order,
  { commandId, hash, actor }: Creation,
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
    staticSummary: `${oneLine(customer.name)} · ${formatMoney(total, currency)}`,
    staticDetails: [
      `Order **${orderId}** of ${oneLine(customer.name)} (customer ${customer.id})`,
      '',
      ...lines.map(
        ({ sku, quantity, unitPrice }) => `- ${quantity} × ${sku} at ${formatMoney(unitPrice, currency)}`,
      ),
      '',
      `Total **${formatMoney(total, currency)}**, placed by ${actor}`,
    ].join('\n'),
  };
}

/** A summary in the Web UI is one line. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}
