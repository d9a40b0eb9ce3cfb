import type { Client } from '@temporalio/client';
import { reconcileScheduleId } from '../log/workflow/upkeep-messages.js';

/** A client for one deployment. */
export interface Deployment {
  readonly client: Client;
  /** the task queue of the workflows */
  readonly taskQueue: string;
}

/**
 * State of the reconciliation's schedule; `pausedFor` is the note that was left when it was paused.
 */
export type ScheduleState = 'running' | 'gone' | { readonly pausedFor: string };

export async function scheduleState({ client, taskQueue }: Deployment): Promise<ScheduleState> {
  const { schedules } = await client.workflowService.listSchedules({
    namespace: client.options.namespace,
    query: `ScheduleId = ${JSON.stringify(reconcileScheduleId(taskQueue))}`,
    maximumPageSize: 1,
  });
  const [found] = schedules;
  if (found === undefined) return 'gone';
  return found.info?.paused === true ? { pausedFor: found.info.notes ?? '' } : 'running';
}
