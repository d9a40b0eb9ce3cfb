import type { Client } from '@temporalio/client';
import { rebuildWorkflow, rollBackWorkflow } from '../log/workflow/rebuild-messages.js';
import { reconcileScheduleId } from '../log/workflow/reconcile-messages.js';

/** A client for one deployment, with its task queues. */
export interface Deployment {
  readonly client: Client;
  /** the task queue of the role `feed` */
  readonly taskQueue: string;
  /** the task queue of the order workflows */
  readonly orderTaskQueue: string;
}

/** A rebuild or a roll-back that was ended from outside. */
export interface EndedRebuild {
  /** the name of the view or the store */
  readonly name: string;
  readonly runId: string;
}

/** The system's own workflows as Temporal's list shows them, which lags by a moment. */
export interface OwnWorkflows {
  readonly endedRebuilds: readonly EndedRebuild[];
  readonly schedule: ScheduleState;
}

/**
 * State of the reconciliation's schedule; `pausedFor` is the note that was left when it was paused.
 */
export type ScheduleState = 'running' | 'gone' | { readonly pausedFor: string };

const maxListed = 200;
const rebuilds = [rebuildWorkflow, rollBackWorkflow].map((type) => `'${type}'`).join(', ');

/**
 * Takes two requests to Temporal, however many workflows there are.
 *
 * @param since ISO-8601 UTC; rebuilds that ended earlier are left out
 */
export async function listOwnWorkflows(deployment: Deployment, since: string): Promise<OwnWorkflows> {
  const { client, taskQueue } = deployment;
  const { namespace } = client.options;
  const [{ executions }, schedule] = await Promise.all([
    client.workflowService.listWorkflowExecutions({
      namespace,
      query: `TaskQueue = ${JSON.stringify(taskQueue)} AND WorkflowType IN (${rebuilds}) AND ExecutionStatus IN ('Terminated', 'Canceled', 'TimedOut') AND CloseTime >= '${since}'`,
      pageSize: maxListed,
    }),
    scheduleState(deployment),
  ]);
  return {
    endedRebuilds: executions.flatMap(({ execution }) => {
      const [, name] = /^rebuild-(.+)@/.exec(execution?.workflowId ?? '') ?? [];
      return name === undefined ? [] : [{ name, runId: execution?.runId ?? '' }];
    }),
    schedule,
  };
}

export async function scheduleState({ client, orderTaskQueue }: Deployment): Promise<ScheduleState> {
  const { schedules } = await client.workflowService.listSchedules({
    namespace: client.options.namespace,
    query: `ScheduleId = ${JSON.stringify(reconcileScheduleId(orderTaskQueue))}`,
    maximumPageSize: 1,
  });
  const [found] = schedules;
  if (found === undefined) return 'gone';
  return found.info?.paused === true ? { pausedFor: found.info.notes ?? '' } : 'running';
}
