import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { workflowId } from '../../../src/order-log.js';
import type { Phase } from '../baselines/bare-messages.js';
import type { HttpConnection } from '../harness/http-connection.js';
import { complete } from './order-over-http.js';

const { EventType } = proto.temporal.api.enums.v1;

const billed: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
]);
/** Events that Temporal bills in addition. */
const otherwiseBilled: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_TIMER_STARTED,
  EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  EventType.EVENT_TYPE_MARKER_RECORDED,
]);

const LOOK_EVERY_MS = 10;
const AT_REST_WITHIN_MS = 10_000;

/**
 * Waits until no step of an order is in progress. Commands that arrive then cost the same on every
 * machine, because a workflow task never has two things to do. @throws Error after ten seconds
 */
export async function untilAtRest(client: Client, orderId: string): Promise<void> {
  const giveUpAt = Date.now() + AT_REST_WITHIN_MS;
  for (;;) {
    const { raw } = await client.workflow.getHandle(workflowId(orderId)).describe();
    if ((raw.pendingActivities ?? []).length === 0 && !raw.pendingWorkflowTask) return;
    if (Date.now() > giveUpAt) throw new Error(`Order ${orderId} does not come to rest.`);
    await setTimeout(LOOK_EVERY_MS);
  }
}

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

export function historyCost(client: Client, orderId: string): Promise<HistoryCost> {
  return workflowCost(client, workflowId(orderId));
}

/** What a workflow's latest run has cost Temporal so far. */
export async function workflowCost(client: Client, id: string): Promise<HistoryCost> {
  const handle = client.workflow.getHandle(id);
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

/**
 * Takes an order from create to completed, and waits before each command until no step is in
 * progress.
 */
export async function completeAtRest(client: Client, api: HttpConnection): Promise<string> {
  return await complete(api, (orderId) => untilAtRest(client, orderId));
}

/**
 * The shape of an order on the happy path: which activities follow from its start, and from each
 * update.
 */
export async function orderShape(client: Client, api: HttpConnection): Promise<readonly Phase[]> {
  const orderId = await completeAtRest(client, api);
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
