import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { workflowId } from '../../../src/workflows/messages.js';
import type { Phase } from '../baselines/bare-messages.js';

const { EventType } = proto.temporal.api.enums.v1;

const billed: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
]);
/** What Temporal bills besides. */
const otherwiseBilled: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_TIMER_STARTED,
  EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  EventType.EVENT_TYPE_MARKER_RECORDED,
]);

/** What an order has cost Temporal so far. */
export interface HistoryCost {
  readonly events: number;
  readonly bytes: number;
  readonly stateTransitions: number;
  /** starts, updates, signals and activities */
  readonly actions: number;
  /** timers, search attributes and markers */
  readonly otherActions: number;
}

export async function historyCost(client: Client, orderId: string): Promise<HistoryCost> {
  const handle = client.workflow.getHandle(workflowId(orderId));
  const [{ events }, { raw }] = await Promise.all([handle.fetchHistory(), handle.describe()]);
  const info = raw.workflowExecutionInfo;
  const count = (types: ReadonlySet<number>) =>
    (events ?? []).filter(({ eventType }) => types.has(eventType ?? 0)).length;
  return {
    events: Number(info?.historyLength),
    bytes: Number(info?.historySizeBytes),
    stateTransitions: Number(info?.stateTransitionCount),
    actions: count(billed),
    otherActions: count(otherwiseBilled),
  };
}

/** The shape of an order that was waited for after each command: which activities followed from its start and each update. */
export async function shapeOf(client: Client, orderId: string): Promise<readonly Phase[]> {
  const { events } = await client.workflow.getHandle(workflowId(orderId)).fetchHistory();
  const phases: number[][] = [[]];
  let task: unknown;
  for (const event of events ?? []) {
    if (event.workflowExecutionUpdateAcceptedEventAttributes) phases.push([]);
    const scheduled = event.activityTaskScheduledEventAttributes;
    const phase = phases.at(-1);
    if (!scheduled || phase === undefined) continue;
    const by = String(scheduled.workflowTaskCompletedEventId);
    // Activities of one workflow task run at the same time.
    if (by === task) phase.push((phase.pop() ?? 0) + 1);
    else phase.push(1);
    task = by;
  }
  return phases;
}
