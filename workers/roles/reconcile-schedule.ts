import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { reconcileScheduleId, reconcileWorkflow } from '../../src/log/workflow/reconcile-messages.js';

export interface ReconcileScheduleOptions {
  readonly client: Client;
  /** the task queue of the order workflows */
  readonly orderTaskQueue: string;
  /** the task queue of the reconciliation's workflow */
  readonly taskQueue: string;
  readonly everyMs: number;
}

/**
 * Creates the schedule, or updates its interval if it exists. Runs do not overlap, and missed ones
 * are not made up for.
 */
export async function ensureReconcileSchedule({
  client,
  orderTaskQueue,
  taskQueue,
  everyMs,
}: ReconcileScheduleOptions): Promise<void> {
  const scheduleId = reconcileScheduleId(orderTaskQueue);
  const spec = { intervals: [{ every: everyMs }] };
  try {
    await client.schedule.create({
      scheduleId,
      spec,
      action: { type: 'startWorkflow', workflowType: reconcileWorkflow, workflowId: scheduleId, taskQueue },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const schedule = client.schedule.getHandle(scheduleId);
    const [known] = (await schedule.describe()).spec.intervals ?? [];
    if (known?.every !== everyMs) await schedule.update((before) => ({ ...before, spec }));
  }
}
