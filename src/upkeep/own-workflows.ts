import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionStatusName,
} from '@temporalio/client';
import { views } from '../views/views.js';
import { rebuildWorkflow, rollBackWorkflow } from '../log/workflow/rebuild-messages.js';
import { reconcileScheduleId } from '../log/workflow/reconcile-messages.js';
import {
  type StandingTask,
  standingWorkflow,
  standingWorkflowId,
} from '../log/workflow/singleton-messages.js';

/** What goes on for as long as there is a feed: one workflow each. */
export const standingTasks: readonly StandingTask[] = [
  { activity: 'sequence', name: 'feed' },
  ...views.map(({ name }) => ({ activity: 'project', name }) as const),
];

/** A deployment, as far as the system's own workflows are concerned. */
export interface Upkept {
  readonly client: Client;
  /** of the role `feed` */
  readonly taskQueue: string;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
}

/** A rebuild or a roll-back that was ended from outside. */
export interface EndedRebuild {
  /** of the view or the store */
  readonly name: string;
  readonly runId: string;
  readonly type: typeof rebuildWorkflow | typeof rollBackWorkflow;
}

/** The system's own workflows as Temporal lists them: a moment old. */
export interface OwnWorkflows {
  /** standing work of which no workflow runs */
  readonly missing: readonly StandingTask[];
  readonly endedRebuilds: readonly EndedRebuild[];
  readonly schedule: ScheduleState;
}

/** Of the reconciliation; one that is paused says why, as far as whoever paused it did. */
export type ScheduleState = 'running' | 'gone' | { readonly pausedFor: string };

const listedAtMost = 200;
const own = [standingWorkflow, rebuildWorkflow, rollBackWorkflow].map((type) => `'${type}'`).join(', ');

/**
 * Two requests to Temporal, whatever there is.
 *
 * @param since ISO-8601 UTC: rebuilds that ended before are left out
 */
export async function listOwnWorkflows(upkept: Upkept, since: string): Promise<OwnWorkflows> {
  const { client, taskQueue } = upkept;
  const { namespace } = client.options;
  const ended = `ExecutionStatus IN ('Terminated', 'Canceled', 'TimedOut') AND CloseTime >= '${since}'`;
  const [{ executions }, schedule] = await Promise.all([
    client.workflowService.listWorkflowExecutions({
      namespace,
      query: `TaskQueue = ${JSON.stringify(taskQueue)} AND WorkflowType IN (${own}) AND (ExecutionStatus = 'Running' OR (WorkflowType != '${standingWorkflow}' AND ${ended}))`,
      pageSize: listedAtMost,
    }),
    scheduleState(upkept),
  ]);
  const listed = executions.map(({ execution, type, closeTime }) => ({
    workflowId: execution?.workflowId ?? '',
    runId: execution?.runId ?? '',
    type: type?.name,
    isOpen: closeTime === null || closeTime === undefined,
  }));
  const running = new Set(listed.filter(({ isOpen }) => isOpen).map(({ workflowId }) => workflowId));
  return {
    missing: standingTasks.filter((task) => !running.has(standingWorkflowId(task, taskQueue))),
    endedRebuilds: listed.flatMap(({ workflowId, runId, type, isOpen }) => {
      const [, name] = /^rebuild-(.+)@/.exec(workflowId) ?? [];
      const isRebuild = type === rebuildWorkflow || type === rollBackWorkflow;
      return !isOpen && isRebuild && name !== undefined ? [{ name, runId, type }] : [];
    }),
    schedule,
  };
}

export async function scheduleState({ client, orderTaskQueue }: Upkept): Promise<ScheduleState> {
  const { schedules } = await client.workflowService.listSchedules({
    namespace: client.options.namespace,
    query: `ScheduleId = ${JSON.stringify(reconcileScheduleId(orderTaskQueue))}`,
    maximumPageSize: 1,
  });
  const [found] = schedules;
  if (found === undefined) return 'gone';
  return found.info?.paused === true ? { pausedFor: found.info.notes ?? '' } : 'running';
}

/** @returns false where it runs already: the list was too old */
export async function startStandingTask({ client, taskQueue }: Upkept, task: StandingTask): Promise<boolean> {
  try {
    await client.workflow.start(standingWorkflow, {
      workflowId: standingWorkflowId(task, taskQueue),
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

/** Why standing work does not go on, by its workflow itself; undefined where it runs. */
export async function causeOfDeath(
  { client, taskQueue }: Upkept,
  task: StandingTask,
): Promise<string | undefined> {
  const { status, closeTime } = await client.workflow
    .getHandle(standingWorkflowId(task, taskQueue))
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
