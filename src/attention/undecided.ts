import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { Db } from 'mongodb';
import { orderWorkflow, workflowId, orderLog } from '../order-log.js';
import { eventId } from '../log/entity.js';
import { answering } from '../mongodb/durability.js';
import { journal } from '../log/journal/journal.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import type { Found, SourceQuery } from './paging.js';
import type { AttentionRow } from './rows.js';

export interface Undecided {
  readonly client: Client;
  readonly db: Db;
  /** task queue of the order workflows */
  readonly orderTaskQueue: string;
}

const TIMEOUT_MS = 2_500;
const maxListed = 100;
const FINEST_MS = 1_000;

/** The oldest order that no worker has decided yet. Empty while Temporal is unavailable. */
export async function undecided({
  client,
  db,
  orderTaskQueue,
  owedBy,
  after,
}: SourceQuery): Promise<readonly Found[]> {
  if (after !== undefined) return [];
  try {
    const rows = await oldestUndecided({ client, db, orderTaskQueue }, owedBy);
    return rows.map((row) => ({ id: row.orderId ?? '', row }));
  } catch (error) {
    if (isTemporalOutage(error)) return [];
    throw error;
  }
}

/**
 * Finds the oldest order that was accepted and that no worker has decided yet: its workflow is
 * running, and the journal has no event of it. Temporal lists the newest first, so if there are
 * many, the age of the oldest is found by counting, to a second.
 *
 * @param before ISO-8601 UTC; orders accepted later are left out
 * @returns one row, or none
 * @throws errors of Temporal
 */
async function oldestUndecided(
  { client, db, orderTaskQueue }: Undecided,
  before: string,
): Promise<readonly AttentionRow[]> {
  const found = await longestWaiting(client, orderTaskQueue, before);
  const accepted = found
    .map(({ execution, startTime }) => ({
      orderId: (execution?.workflowId ?? '').slice(workflowId('').length),
      since: new Date(optionalTsToMs(startTime) ?? 0).toISOString(),
    }))
    .toSorted((one, other) => (one.since < other.since ? -1 : 1));
  const recorded = await journal(orderLog, db)
    .find(
      { _id: { $in: accepted.map(({ orderId }) => eventId({ orderId, version: 1 })) } },
      { ...answering, projection: { orderId: 1 } },
    )
    .toArray();
  const known = new Set(recorded.map(({ orderId }) => orderId));
  const oldest = accepted.find(({ orderId }) => !known.has(orderId));
  if (oldest === undefined) return [];
  return [
    {
      ...oldest,
      code: 'order_undecided',
      detail: 'the order was accepted, but no worker has decided it yet; it is the oldest such order',
      remedy: 'start a worker: ROLES=worker npm start',
    },
  ];
}

/** The workflows that no worker has begun, `maxListed` at most: the oldest, to a second. */
async function longestWaiting(client: Client, taskQueue: string, before: string) {
  const { namespace } = client.options;
  // `BuildIds` is set when a worker completes the first workflow task.
  const isUndecided = `WorkflowType = '${orderWorkflow}' AND TaskQueue = ${JSON.stringify(taskQueue)} AND ExecutionStatus = 'Running' AND BuildIds IS NULL`;
  const until = (time: number) => `${isUndecided} AND StartTime <= '${new Date(time).toISOString()}'`;
  return await client.connection.withDeadline(Date.now() + TIMEOUT_MS, async () => {
    const latest = Date.parse(before);
    const older = async (age: number) => (await client.workflow.count(until(latest - age))).count;
    let age = 0;
    let left = await older(age);
    let step = FINEST_MS;
    if (left > maxListed) while ((await older(step)) > 0) step *= 4;
    while (left > maxListed && step > FINEST_MS) {
      step /= 2;
      const count = await older(age + step);
      if (count === 0) continue;
      age += step;
      left = count;
    }
    const { executions } = await client.workflowService.listWorkflowExecutions({
      namespace,
      query: until(latest - age),
      pageSize: maxListed,
    });
    return executions;
  });
}
