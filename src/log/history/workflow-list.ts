import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { decodeTypedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import proto, { type temporal } from '@temporalio/proto';
import { statusKey } from '../search-attribute-names.js';
import { type AnyLog, entityIdOf } from '../entity-log/entity-log.js';

/** An entity's workflow in Temporal's list, which lags by a moment. */
export interface ListedEntity {
  readonly orderId: string;
  readonly isOpen: boolean;
  /** the status of the entity, as its search attribute has it */
  readonly status?: string;
}

export interface ListPage {
  readonly listed: readonly ListedEntity[];
  /** token for the next page; absent on the last one */
  readonly next?: string;
}

export interface ListOptions {
  /** a condition in Temporal's list filter language */
  readonly filter?: string;
  /** `next` of an earlier page; the first page by default */
  readonly from?: string | undefined;
  /** maximum number of entities in a page */
  readonly pageSize?: number | undefined;
}

const USUAL_PAGE_SIZE = 500;
/** By default, Temporal allows all clients of a namespace together ten list calls per second. */
const BETWEEN_PAGES_MS = 250;

const { WORKFLOW_EXECUTION_STATUS_RUNNING: running } = proto.temporal.api.enums.v1.WorkflowExecutionStatus;

/**
 * The entities that Temporal knows, in no particular order. If there are none, there is one empty
 * page. An entity whose workflow was started again or reset may be listed more than once. Pages are
 * requested on demand, and not faster than Temporal's rate limit allows.
 */
export async function* listWorkflows(
  log: AnyLog,
  client: Client,
  taskQueue: string,
  { filter, from, pageSize = USUAL_PAGE_SIZE }: ListOptions = {},
): AsyncGenerator<ListPage, void> {
  const { namespace } = client.options;
  const query = queryOf(log, taskQueue, filter);
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
    yield {
      listed: executions.map((found) => toListed(log, found)),
      ...(token === undefined ? {} : { next: token }),
    };
    if (token !== undefined) await setTimeout(Math.max(0, askedAt + BETWEEN_PAGES_MS - Date.now()));
  } while (token !== undefined);
}

/** The ids of the entities that `listWorkflows` lists. */
export async function* listedIds(
  log: AnyLog,
  client: Client,
  taskQueue: string,
  options: ListOptions = {},
): AsyncGenerator<string, void> {
  for await (const { listed } of listWorkflows(log, client, taskQueue, options))
    for (const { orderId } of listed) yield orderId;
}

/** Number of entries that `listWorkflows` lists without a filter; it lags by a moment. */
export async function countWorkflows(log: AnyLog, client: Client, taskQueue: string): Promise<number> {
  return (await client.workflow.count(queryOf(log, taskQueue))).count;
}

/** Matches the runs of all entities, except those that were continued as new. */
function queryOf({ entity }: AnyLog, taskQueue: string, filter?: string): string {
  return [
    `WorkflowType = '${entity.name}' AND TaskQueue = ${JSON.stringify(taskQueue)}`,
    `ExecutionStatus != 'ContinuedAsNew'`,
    ...(filter === undefined ? [] : [`(${filter})`]),
  ].join(' AND ');
}

/**
 * A filter for running workflows of these types that no worker has begun. Temporal sets `BuildIds`
 * when a worker completes the first workflow task.
 */
export function notBegun(types: readonly string[], taskQueue: string): string {
  const names = types.map((type) => `'${type}'`).join(', ');
  return `WorkflowType IN (${names}) AND TaskQueue = ${JSON.stringify(taskQueue)} AND ExecutionStatus = 'Running' AND BuildIds IS NULL`;
}

function toListed(log: AnyLog, found: temporal.api.workflow.v1.IWorkflowExecutionInfo): ListedEntity {
  const status = decodeTypedSearchAttributes(found.searchAttributes?.indexedFields).get(statusKey);
  return {
    orderId: entityIdOf(log, found.execution?.workflowId ?? ''),
    isOpen: found.status === running,
    ...(status === undefined ? {} : { status }),
  };
}
