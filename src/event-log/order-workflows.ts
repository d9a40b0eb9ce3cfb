import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { orderWorkflow, searchAttributes, workflowId } from '../workflows/messages.js';

/** An order's workflow as Temporal lists it: a moment old. */
export interface ListedOrder {
  readonly orderId: string;
  readonly isOpen: boolean;
  /** of the order */
  readonly status?: string;
}

const PAGE = 1_000;
/** Temporal allows a namespace ten lists a second by default, all its users together. */
const BETWEEN_PAGES_MS = 500;

const statusAttribute = defineSearchAttributeKey(searchAttributes.status, SearchAttributeType.KEYWORD);
const prefix = workflowId('');

/**
 * The orders that Temporal knows, each once, in no particular order.
 *
 * @param filter a further condition in Temporal's list filter language
 */
export async function* listOrderWorkflows(
  client: Client,
  taskQueue: string,
  filter?: string,
): AsyncGenerator<ListedOrder, void> {
  const mine = `WorkflowType = '${orderWorkflow}' AND TaskQueue = ${JSON.stringify(taskQueue)}`;
  const query = [
    mine,
    `ExecutionStatus != 'ContinuedAsNew'`,
    ...(filter === undefined ? [] : [`(${filter})`]),
  ];
  let listed = 0;
  for await (const found of client.workflow.list({ query: query.join(' AND '), pageSize: PAGE })) {
    const status = found.typedSearchAttributes.get(statusAttribute);
    yield {
      orderId: found.workflowId.slice(prefix.length),
      isOpen: found.status.name === 'RUNNING',
      ...(status === undefined ? {} : { status }),
    };
    listed += 1;
    if (listed % PAGE === 0) await setTimeout(BETWEEN_PAGES_MS);
  }
}
