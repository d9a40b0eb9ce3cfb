import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Deployment } from '../databases.js';
import { reconcileScheduleId, reconcileWorkflow } from '../log/workflow/system-workflow-names.js';

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

/**
 * Creates the schedule. If it exists with another interval, or with the workflow of an earlier
 * version, updates it. Runs do not overlap, and a run that is more than a minute late is skipped.
 *
 * @returns true if it did not exist
 */
export async function ensureReconcileSchedule({
  client,
  taskQueue,
  everyMs,
}: Deployment & { readonly everyMs: number }): Promise<boolean> {
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
    return true;
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const schedule = client.schedule.getHandle(scheduleId);
    const known = await schedule.describe();
    if (known.spec.intervals?.[0]?.every !== everyMs || known.action.workflowType !== reconcileWorkflow)
      await schedule.update((before) => ({ ...before, spec, action }));
    return false;
  }
}
