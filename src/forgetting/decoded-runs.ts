import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { historyEvents } from '../log/history/history-events.js';
import { decoded } from '../log/history/runs.js';
import { workflowId } from '../order-log.js';

type Payload = temporal.api.common.v1.IPayload;

/**
 * The decoded payloads of each run of an order that Temporal keeps. The runs are found in
 * Temporal's list, because a run of a restarted workflow has no link to earlier runs.
 */
export async function* decodedRuns(
  client: Client,
  orderId: string,
): AsyncGenerator<readonly unknown[], void> {
  const id = workflowId(orderId);
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = ${JSON.stringify(id)}` })) {
    const values: unknown[] = [];
    for await (const event of historyEvents(client, { workflowId: id, runId })) {
      values.push(...(await decoded(client, payloadsIn(event))));
    }
    yield values;
  }
}

/** Every payload in a part of a history, wherever it is. */
function payloadsIn(part: unknown): Payload[] {
  if (typeof part !== 'object' || part === null || part instanceof Uint8Array) return [];
  if ('metadata' in part && 'data' in part && part.data instanceof Uint8Array) return [part as Payload];
  return Object.values(part).flatMap(payloadsIn);
}
