import { orderWorkflow, workflowId } from '../../order-log.js';
import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { decodeTypedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import proto, { type temporal } from '@temporalio/proto';
import { searchAttributes } from '../workflow/messages.js';

/** An order's workflow as Temporal lists it: a moment old. */
export interface ListedOrder {
  readonly orderId: string;
  readonly isOpen: boolean;
  /** of the order */
  readonly status?: string;
}

export interface OrderPage {
  readonly orders: readonly ListedOrder[];
  /** where the list goes on; absent on the last page */
  readonly next?: string;
}

export interface ListOptions {
  /** a further condition in Temporal's list filter language */
  readonly filter?: string;
  /** an earlier page's `next`; the first page by default */
  readonly from?: string | undefined;
  /** orders, at most */
  readonly pageSize?: number | undefined;
}

const usualPageSize = 500;
/** Temporal allows a namespace ten lists a second by default, all its users together. */
const BETWEEN_PAGES_MS = 250;

const { WORKFLOW_EXECUTION_STATUS_RUNNING: running } = proto.temporal.api.enums.v1.WorkflowExecutionStatus;
const statusAttribute = defineSearchAttributeKey(searchAttributes.status, SearchAttributeType.KEYWORD);
const prefix = workflowId('');

/**
 * The orders that Temporal knows, each once, in no particular order; one page at least. A page is read when it is asked for,
 * but not sooner after the one before than Temporal's limit bears.
 */
export async function* listOrderWorkflows(
  client: Client,
  taskQueue: string,
  { filter, from, pageSize = usualPageSize }: ListOptions = {},
): AsyncGenerator<OrderPage, void> {
  const { namespace } = client.options;
  const query = queryOf(taskQueue, filter);
  let token = from;
  do {
    const askedAt = Date.now();
    const { executions, nextPageToken } = await client.workflowService.listWorkflowExecutions({
      namespace,
      query,
      pageSize,
      ...(token === undefined ? {} : { nextPageToken: Buffer.from(token, 'base64') }),
    });
    token = nextPageToken.length === 0 ? undefined : Buffer.from(nextPageToken).toString('base64');
    yield { orders: executions.map(toListed), ...(token === undefined ? {} : { next: token }) };
    if (token !== undefined) await setTimeout(Math.max(0, askedAt + BETWEEN_PAGES_MS - Date.now()));
  } while (token !== undefined);
}

/** How many orders Temporal knows: a moment old. */
export async function countOrderWorkflows(client: Client, taskQueue: string): Promise<number> {
  return (await client.workflow.count(queryOf(taskQueue))).count;
}

/** One run of each order: the latest. */
function queryOf(taskQueue: string, filter?: string): string {
  return [
    `WorkflowType = '${orderWorkflow}' AND TaskQueue = ${JSON.stringify(taskQueue)}`,
    `ExecutionStatus != 'ContinuedAsNew'`,
    ...(filter === undefined ? [] : [`(${filter})`]),
  ].join(' AND ');
}

function toListed(found: temporal.api.workflow.v1.IWorkflowExecutionInfo): ListedOrder {
  const status = decodeTypedSearchAttributes(found.searchAttributes?.indexedFields).get(statusAttribute);
  return {
    orderId: (found.execution?.workflowId ?? '').slice(prefix.length),
    isOpen: found.status === running,
    ...(status === undefined ? {} : { status }),
  };
}
