import { orderWorkflow, workflowId } from '../order-log.js';
import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { Db } from 'mongodb';
import { answering } from '../log/journal/durability.js';
import { journal } from '../log/journal/journal.js';
import type { AttentionRow } from './rows.js';

export interface Undecided {
  readonly client: Client;
  readonly db: Db;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
}

const WITHIN_MS = 2_500;
const listedAtMost = 100;
const FINEST_MS = 1_000;

/**
 * The oldest order that was accepted and that no worker has decided yet: Temporal has its workflow running, the journal has
 * nothing of it. Temporal lists the newest first: where there are many, counts find the age of the oldest, to a second.
 *
 * @param before ISO-8601 UTC: orders accepted later are left out
 * @throws errors of Temporal
 */
export async function oldestUndecided(
  { client, db, orderTaskQueue }: Undecided,
  before: string,
): Promise<readonly AttentionRow[]> {
  const { namespace } = client.options;
  // Set by the first task of a workflow that a worker completes.
  const undecided = `WorkflowType = '${orderWorkflow}' AND TaskQueue = ${JSON.stringify(orderTaskQueue)} AND ExecutionStatus = 'Running' AND BuildIds IS NULL`;
  const until = (time: number) => `${undecided} AND StartTime <= '${new Date(time).toISOString()}'`;
  const found = await client.connection.withDeadline(Date.now() + WITHIN_MS, async () => {
    const latest = Date.parse(before);
    const older = async (age: number) => (await client.workflow.count(until(latest - age))).count;
    let age = 0;
    let left = await older(age);
    let step = FINEST_MS;
    if (left > listedAtMost) while ((await older(step)) > 0) step *= 4;
    while (left > listedAtMost && step > FINEST_MS) {
      step /= 2;
      const count = await older(age + step);
      if (count === 0) continue;
      age += step;
      left = count;
    }
    const { executions } = await client.workflowService.listWorkflowExecutions({
      namespace,
      query: until(latest - age),
      pageSize: listedAtMost,
    });
    return executions;
  });
  const accepted = found
    .map(({ execution, startTime }) => ({
      orderId: (execution?.workflowId ?? '').slice(workflowId('').length),
      since: new Date(optionalTsToMs(startTime) ?? 0).toISOString(),
    }))
    .toSorted((one, other) => (one.since < other.since ? -1 : 1));
  const recorded = await journal(db)
    .find(
      { _id: { $in: accepted.map(({ orderId }) => `${orderId}:1`) } },
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
      detail: 'the order was accepted, and no worker has decided it yet; it is the oldest of its kind',
      remedy: 'start a worker: ROLES=worker npm start',
    },
  ];
}
