import proto from '@temporalio/proto';
import type { Deployment } from '../databases.js';
import { feedTaskQueue, rebuildWorkflow, rebuiltBy } from '../log/workflow/system-workflow-names.js';
import { type ScheduleState, scheduleState } from './reconcile-schedule.js';

/** A rebuild that was ended from outside. */
export interface EndedRebuild {
  /** the name of the feed view or the store */
  readonly name: string;
  readonly runId: string;
}

/** A workflow that still runs and that no worker of this version takes. */
export interface Stranded {
  readonly workflowId: string;
  readonly runId: string;
  /** the name of the feed view or the store, if it is a rebuild */
  readonly rebuilds?: string;
}

/** The system's own workflows, as Temporal's list shows them. The list lags by a moment. */
export interface OwnWorkflows {
  readonly endedRebuilds: readonly EndedRebuild[];
  /**
   * Workflows of an earlier version that still run. They are on the task queue of the role `feed`,
   * whose workflows no worker of this version runs.
   */
  readonly stranded: readonly Stranded[];
  readonly schedule: ScheduleState;
}

const { WORKFLOW_EXECUTION_STATUS_RUNNING: RUNNING } = proto.temporal.api.enums.v1.WorkflowExecutionStatus;
const MAX_LISTED = 200;
/** The types of rebuilds: of this version, and of an earlier one. */
const rebuildTypes = `'${rebuildWorkflow}', 'rebuild'`;
const endedFromOutside = `'Terminated', 'Canceled', 'TimedOut'`;

/**
 * Lists rebuilds that were ended from outside, stranded workflows, and the state of the schedule.
 * It takes two requests to Temporal, and lists at most 200 workflows. Once the stranded ones are
 * ended, the next call lists others.
 *
 * @param since ISO-8601 UTC; rebuilds that ended earlier are left out
 */
export async function listOwnWorkflows(deployment: Deployment, since: string): Promise<OwnWorkflows> {
  const { client, taskQueue } = deployment;
  const { namespace } = client.options;
  const [own, ofFeed] = [taskQueue, feedTaskQueue(taskQueue)].map((queue) => JSON.stringify(queue));
  const ended = `TaskQueue IN (${own}, ${ofFeed}) AND WorkflowType IN (${rebuildTypes}) AND ExecutionStatus IN (${endedFromOutside}) AND CloseTime >= '${since}'`;
  const stranded = `TaskQueue = ${ofFeed} AND ExecutionStatus = 'Running'`;
  const [{ executions }, schedule] = await Promise.all([
    client.workflowService.listWorkflowExecutions({
      namespace,
      query: `(${ended}) OR (${stranded})`,
      pageSize: MAX_LISTED,
    }),
    scheduleState(deployment),
  ]);
  const found = executions.map(({ execution, status }) => {
    const workflowId = execution?.workflowId ?? '';
    const name = rebuiltBy(workflowId);
    return { workflowId, name, runId: execution?.runId ?? '', isRunning: status === RUNNING };
  });
  return {
    endedRebuilds: found.flatMap(({ name, runId, isRunning }) =>
      name === undefined || isRunning ? [] : [{ name, runId }],
    ),
    stranded: found.flatMap(({ workflowId, name, runId, isRunning }) =>
      isRunning ? [{ workflowId, runId, ...(name !== undefined && { rebuilds: name }) }] : [],
    ),
    schedule,
  };
}
