import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { reconcileScheduleId, reconcileWorkflow } from '../src/log/workflow/reconcile-messages.js';

export interface ReconcileScheduleOptions {
  readonly client: Client;
  /** of the orders' workflows */
  readonly orderTaskQueue: string;
  /** polled for the schedule's own work */
  readonly taskQueue: string;
  readonly everyMs: number;
}

/** Creates the schedule where there is none, and gives one that is there its interval. One run at a time; none is made up for. */
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
