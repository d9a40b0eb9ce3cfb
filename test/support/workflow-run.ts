import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { until } from './until.js';

const { EventType } = proto.temporal.api.enums.v1;

/** What a workflow's latest run has cost Temporal so far. */
export interface TemporalCost {
  readonly events: number;
  readonly bytes: number;
  readonly stateTransitions: number;
  /** starts, updates, signals and activities */
  readonly actions: number;
  /** timers, search attributes and markers, which Temporal bills too */
  readonly otherActions: number;
}

/** The design's budget for an order from create to completed. */
export const BUDGET: TemporalCost = {
  events: 76,
  bytes: 18_000,
  stateTransitions: 30,
  actions: 13,
  otherActions: 4,
};

const ACTIONS: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
]);
const OTHER_ACTIONS: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_TIMER_STARTED,
  EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  EventType.EVENT_TYPE_MARKER_RECORDED,
]);

export async function temporalCost(client: Client, workflowId: string): Promise<TemporalCost> {
  const handle = client.workflow.getHandle(workflowId);
  const [{ events }, { raw }] = await Promise.all([handle.fetchHistory(), handle.describe()]);
  const info = raw.workflowExecutionInfo;
  const count = (types: ReadonlySet<number>) =>
    (events ?? []).filter(({ eventType }) => types.has(eventType ?? 0)).length;
  return {
    events: Number(info?.historyLength),
    bytes: Number(info?.historySizeBytes),
    stateTransitions: Number(info?.stateTransitionCount),
    actions: count(ACTIONS),
    otherActions: count(OTHER_ACTIONS),
  };
}

/**
 * Waits until no activity and no workflow task is pending. Commands that arrive then cost the same
 * on every machine, because a workflow task never has two things to do.
 */
export async function untilAtRest(client: Client, workflowId: string): Promise<void> {
  await until(async () => {
    const { pendingActivities, pendingWorkflowTask } = (
      await client.workflow.getHandle(workflowId).describe()
    ).raw;
    if ((pendingActivities ?? []).length > 0 || pendingWorkflowTask)
      throw new Error(`${workflowId} does not come to rest.`);
  });
}
