import { expect } from '@jest/globals';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { workflowId } from '../../src/order-log.js';
import type { TestApi } from './api.js';
import { until } from './until.js';

/**
 * Deletes the history of an order's closed workflow, or of one run of it, as retention does, and
 * waits until it is gone.
 */
export async function deleteHistory(client: Client, orderId: string, runId?: string): Promise<void> {
  const handle = client.workflow.getHandle(workflowId(orderId), runId);
  await client.connection.workflowService.deleteWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId: workflowId(orderId), ...(runId === undefined ? {} : { runId }) },
  });
  await until(async () => {
    await expect(handle.describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
  }, 40);
}

/**
 * Adds notes until the order was continued as new `times` times.
 *
 * @returns the ids of its runs, oldest first
 */
export async function continuedAsNew(
  api: TestApi,
  orderId: string,
  times: number,
): Promise<readonly string[]> {
  const handle = api.client.workflow.getHandle(workflowId(orderId));
  const runs = new Set([(await handle.describe()).runId]);
  while (runs.size <= times) {
    const { status } = await api.post(`/v1/orders/${orderId}/notes?consistency=projected`, {
      body: { text: 'one more' },
    });
    expect(status).toBe(200);
    runs.add((await handle.describe()).runId);
  }
  return [...runs];
}
