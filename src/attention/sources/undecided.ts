import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { orderWorkflow, orderLog } from '../../order-log.js';
import { entityIdOf } from '../../log/entity-log/entity-log.js';
import { eventId } from '../../log/event-id.js';
import type { Databases } from '../../databases.js';
import { notBegun } from '../../log/history/workflow-list.js';
import { committedInTime } from '../../mongodb/durability.js';
import { journal } from '../../log/journal/journal.js';
import { isTemporalOutage } from '../../outages/temporal-outage.js';
import type { Source } from '../source.js';
import type { AttentionRow } from '../rows.js';

const TIMEOUT_MS = 2_500;
const MAX_LISTED = 100;
const AGE_PRECISION_MS = 1_000;

/** The oldest order that no worker has decided yet. Empty while Temporal is unavailable. */
export const oldestUndecidedOrder: Source = async ({ client, db, taskQueue, overdueBefore, after }) => {
  if (after !== undefined) return [];
  try {
    const rows = await rowOfOldest({ client, db, taskQueue }, overdueBefore);
    return rows.map((row) => ({ id: row.orderId ?? '', row }));
  } catch (error) {
    if (isTemporalOutage(error)) return [];
    throw error;
  }
};

/**
 * Finds the oldest order that was accepted and that no worker has decided yet: its workflow is
 * running, and the journal has no event of it. Temporal lists the newest first. If there are many,
 * the age of the oldest is found by counting, to within a second.
 *
 * @param before ISO-8601 UTC; orders accepted later are left out
 * @returns one row, or none
 * @throws errors of Temporal
 */
async function rowOfOldest(
  { client, db, taskQueue }: Databases,
  before: string,
): Promise<readonly AttentionRow[]> {
  const found = await longestWaiting(client, taskQueue, before);
  const accepted = found
    .map(({ execution, startTime }) => ({
      orderId: entityIdOf(orderLog, execution?.workflowId ?? ''),
      since: new Date(optionalTsToMs(startTime) ?? 0).toISOString(),
    }))
    .toSorted((one, other) => (one.since < other.since ? -1 : 1));
  const recorded = await journal(orderLog, db)
    .find(
      { _id: { $in: accepted.map(({ orderId }) => eventId({ orderId, version: 1 })) } },
      { ...committedInTime, projection: { orderId: 1 } },
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

/**
 * The oldest workflows that no worker has begun, at most `MAX_LISTED`. Among workflows that
 * started within the same second, any may be left out.
 */
async function longestWaiting(client: Client, taskQueue: string, before: string) {
  const { namespace } = client.options;
  const undecidedFilter = notBegun([orderWorkflow], taskQueue);
  const until = (time: number) => `${undecidedFilter} AND StartTime <= '${new Date(time).toISOString()}'`;
  return await client.connection.withDeadline(Date.now() + TIMEOUT_MS, async () => {
    const latest = Date.parse(before);
    const countOlder = async (age: number) => (await client.workflow.count(until(latest - age))).count;
    const age = await ageOfFew(countOlder, MAX_LISTED);
    const { executions } = await client.workflowService.listWorkflowExecutions({
      namespace,
      query: until(latest - age),
      pageSize: MAX_LISTED,
    });
    return executions;
  });
}

/**
 * Returns an age in ms that at most `most` workflows have reached, and at least one unless there
 * are none. More may have reached it if the oldest ones began within the same second.
 *
 * The step grows until no workflow is that old. Then it is halved down to a second. After each
 * halving, it is added to the age if some workflow is at least as old as the sum.
 */
async function ageOfFew(countOlder: (age: number) => Promise<number>, most: number): Promise<number> {
  let age = 0;
  let count = await countOlder(age);
  if (count <= most) return age;
  let step = AGE_PRECISION_MS;
  while ((await countOlder(step)) > 0) step *= 4;
  while (count > most && step > AGE_PRECISION_MS) {
    step /= 2;
    const older = await countOlder(age + step);
    if (older === 0) continue;
    age += step;
    count = older;
  }
  return age;
}
