import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { reconcileScheduleId, reconcileWorkflow } from '../../src/log/workflow/upkeep-messages.js';
import type { Deployment } from '../../src/upkeep/schedule-state.js';

export interface ReconcileScheduleOptions extends Deployment {
  readonly everyMs: number;
}

/**
 * Creates the schedule. If it exists with another interval, or with the workflow of an earlier
 * version, updates it. Runs do not overlap, and missed runs are not made up for.
 */
export async function ensureReconcileSchedule({
  client,
  taskQueue,
  everyMs,
}: ReconcileScheduleOptions): Promise<void> {
  const scheduleId = reconcileScheduleId(taskQueue);
  const spec = { intervals: [{ every: everyMs }] };
  const action = {
    type: 'startWorkflow',
    workflowType: reconcileWorkflow,
    workflowId: scheduleId,
    taskQueue,
  } as const;
  try {
    await client.schedule.create({
      scheduleId,
      spec,
      action,
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const schedule = client.schedule.getHandle(scheduleId);
    const known = await schedule.describe();
    if (known.spec.intervals?.[0]?.every !== everyMs || known.action.workflowType !== reconcileWorkflow)
      await schedule.update((before) => ({ ...before, spec, action }));
  }
}
