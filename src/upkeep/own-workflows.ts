import type { Client } from '@temporalio/client';
import type { Deployment } from '../databases.js';
import { feedTaskQueue, rebuildWorkflow, rebuiltBy } from '../log/workflow/system-workflow-names.js';
import { type ScheduleState, scheduleState } from './reconcile-schedule.js';

/** A rebuild that was ended from outside. */
export interface EndedRebuild {
  /** the name of the feed view or the store */
  readonly name: string;
  readonly runId: string;
}

export interface ListedWorkflow {
  readonly workflowId: string;
  readonly runId: string;
  /** the feed view or the store that it rebuilds; absent if it is no rebuild */
  readonly rebuiltName?: string;
}

/** The system's own workflows, as Temporal's list shows them. The list lags by a moment. */
export interface OwnWorkflows {
  readonly endedRebuilds: readonly EndedRebuild[];
  /**
   * Workflows of an earlier version that still run. They are on the task queue of the role `feed`,
   * on which workers of this version run no workflows.
   */
  readonly stranded: readonly ListedWorkflow[];
  readonly schedule: ScheduleState;
}

/** The types of rebuilds: of this version, and of an earlier one. */
const rebuildTypes = `'${rebuildWorkflow}', 'rebuild'`;
const endedFromOutside = `'Terminated', 'Canceled', 'TimedOut'`;

/**
 * Lists rebuilds that were ended from outside, stranded workflows, and the state of the schedule.
 * It takes three requests to Temporal.
 *
 * @param since ISO-8601 UTC; rebuilds that ended earlier are left out
 */
export async function listOwnWorkflows(deployment: Deployment, since: string): Promise<OwnWorkflows> {
  const { client, taskQueue } = deployment;
  const own = JSON.stringify(taskQueue);
  const ofFeed = JSON.stringify(feedTaskQueue(taskQueue));
  const [endedRebuilds, stranded, schedule] = await Promise.all([
    list(
      client,
      `TaskQueue IN (${own}, ${ofFeed}) AND WorkflowType IN (${rebuildTypes}) AND ExecutionStatus IN (${endedFromOutside}) AND CloseTime >= '${since}'`,
    ),
    list(client, `TaskQueue = ${ofFeed} AND ExecutionStatus = 'Running'`),
    scheduleState(deployment),
  ]);
  return {
    endedRebuilds: endedRebuilds.flatMap(({ rebuiltName, runId }) =>
      rebuiltName === undefined ? [] : [{ name: rebuiltName, runId }],
    ),
    stranded,
    schedule,
  };
}

/** All workflows that match a query in Temporal's list filter language. */
async function list(client: Client, query: string): Promise<readonly ListedWorkflow[]> {
  const found: ListedWorkflow[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const rebuiltName = rebuiltBy(workflowId);
    found.push({ workflowId, runId, ...(rebuiltName !== undefined && { rebuiltName }) });
  }
  return found;
}
