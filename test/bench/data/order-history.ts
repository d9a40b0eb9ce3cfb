import type { Client } from '@temporalio/client';
import { workflowId } from '../../../src/order-log.js';
import { untilAtRest } from '../../support/workflow-run.js';
import type { Phase } from '../baselines/bare-messages.js';
import type { HttpConnection } from '../harness/http-connection.js';
import { complete } from './order-over-http.js';

/**
 * Takes an order from create to completed, and waits before each command until no step is in
 * progress.
 */
export async function completeAtRest(client: Client, api: HttpConnection): Promise<string> {
  return await complete(api, (orderId) => untilAtRest(client, workflowId(orderId)));
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
