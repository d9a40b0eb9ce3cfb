import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionStatusName,
} from '@temporalio/client';
import { logs } from '../logs.js';
import { views } from '../views/views.js';
import { rebuildWorkflow, rollBackWorkflow } from '../log/workflow/rebuild-messages.js';
import { reconcileScheduleId } from '../log/workflow/reconcile-messages.js';
import {
  type SingletonTask,
  singletonWorkflow,
  singletonWorkflowId,
} from '../log/workflow/singleton-messages.js';

/** Work that must always be running, each task in exactly one workflow. */
export const singletonTasks: readonly SingletonTask[] = [
  ...logs.map(({ feed }) => ({ activity: 'sequence', name: feed }) as const),
  ...views.map(({ name }) => ({ activity: 'project', name }) as const),
];

/** A client for one deployment, with its task queues. */
export interface Deployment {
  readonly client: Client;
  /** of the role `feed` */
  readonly taskQueue: string;
  /** of the order workflows */
  readonly orderTaskQueue: string;
}

/** A rebuild or a roll-back that was ended from outside. */
export interface EndedRebuild {
  /** of the view or the store */
  readonly name: string;
  readonly runId: string;
  readonly type: typeof rebuildWorkflow | typeof rollBackWorkflow;
}

/** The system's own workflows as Temporal's list shows them, which lags by a moment. */
export interface OwnWorkflows {
  /** tasks that have no running workflow */
  readonly missing: readonly SingletonTask[];
  readonly endedRebuilds: readonly EndedRebuild[];
  readonly schedule: ScheduleState;
}

/**
 * State of the reconciliation's schedule; `pausedFor` is the note that was left when it was paused.
 */
export type ScheduleState = 'running' | 'gone' | { readonly pausedFor: string };

const maxListed = 200;
const own = [singletonWorkflow, rebuildWorkflow, rollBackWorkflow].map((type) => `'${type}'`).join(', ');

/**
 * Takes two requests to Temporal, however many workflows there are.
 *
 * @param since ISO-8601 UTC; rebuilds that ended earlier are left out
 */
export async function listOwnWorkflows(deployment: Deployment, since: string): Promise<OwnWorkflows> {
  const { client, taskQueue } = deployment;
  const { namespace } = client.options;
  const ended = `ExecutionStatus IN ('Terminated', 'Canceled', 'TimedOut') AND CloseTime >= '${since}'`;
  const [{ executions }, schedule] = await Promise.all([
    client.workflowService.listWorkflowExecutions({
      namespace,
      query: `TaskQueue = ${JSON.stringify(taskQueue)} AND WorkflowType IN (${own}) AND (ExecutionStatus = 'Running' OR (WorkflowType != '${singletonWorkflow}' AND ${ended}))`,
      pageSize: maxListed,
    }),
    scheduleState(deployment),
  ]);
  const listed = executions.map(({ execution, type, closeTime }) => ({
    workflowId: execution?.workflowId ?? '',
    runId: execution?.runId ?? '',
    type: type?.name,
    isOpen: closeTime === null || closeTime === undefined,
  }));
  const running = new Set(listed.filter(({ isOpen }) => isOpen).map(({ workflowId }) => workflowId));
  return {
    missing: singletonTasks.filter((task) => !running.has(singletonWorkflowId(task, taskQueue))),
    endedRebuilds: listed.flatMap(({ workflowId, runId, type, isOpen }) => {
      const [, name] = /^rebuild-(.+)@/.exec(workflowId) ?? [];
      const isRebuild = type === rebuildWorkflow || type === rollBackWorkflow;
      return !isOpen && isRebuild && name !== undefined ? [{ name, runId, type }] : [];
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

/** @returns false if its workflow is already running, which the list did not show yet */
export async function startSingleton(
  { client, taskQueue }: Deployment,
  task: SingletonTask,
): Promise<boolean> {
  try {
    await client.workflow.start(singletonWorkflow, {
      workflowId: singletonWorkflowId(task, taskQueue),
      taskQueue,
      args: [task],
      staticSummary: `${task.activity} ${task.name}`,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

/** How and when the workflow of a task ended; undefined if it is running. */
export async function whyStopped(
  { client, taskQueue }: Deployment,
  task: SingletonTask,
): Promise<string | undefined> {
  const { status, closeTime } = await client.workflow
    .getHandle(singletonWorkflowId(task, taskQueue))
    .describe();
  if (status.name === 'RUNNING') return undefined;
  return `${endings[status.name] ?? 'ended'}${closeTime === undefined ? '' : ` at ${closeTime.toISOString()}`}`;
}

const endings: Partial<Record<WorkflowExecutionStatusName, string>> = {
  TERMINATED: 'was terminated',
  CANCELLED: 'was cancelled',
  FAILED: 'failed',
  TIMED_OUT: 'timed out',
};
