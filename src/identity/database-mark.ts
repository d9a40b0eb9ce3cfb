import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { Counts } from '../effects/inventory/stock-state.js';
import type { Deployment } from '../databases.js';
import { reconcileWorkflow } from '../log/workflow/system-workflow-names.js';

/**
 * What Temporal remembers about MongoDB, so that an empty MongoDB or an older backup is recognized.
 *
 * It is stored as the argument of a Schedule that stays paused. (If somebody triggers it, it only
 * starts one more reconciliation.) A Schedule is not subject to retention, needs no worker, and
 * needs no permission beyond that for the reconciliation's Schedule. The alternatives do not fit:
 * namespace data needs an operator's permission, and a workflow's memo is deleted when its
 * retention ends.
 */
export interface DatabaseMark {
  /** random id, made when the database was first set up */
  readonly database: string;
  /** how many times the database was compared with this mark; a backup has a lower number */
  readonly comparisons: number;
  readonly counts: Counts;
}

function scheduleId(taskQueue: string): string {
  return `${taskQueue}-database`;
}

export async function readMark({ client, taskQueue }: Deployment): Promise<DatabaseMark | undefined> {
  try {
    const { action } = await client.schedule.getHandle(scheduleId(taskQueue)).describe();
    // Only `writeMark` writes this argument.
    const [mark] = (action.args ?? []) as readonly DatabaseMark[];
    return mark;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

export async function writeMark({ client, taskQueue }: Deployment, mark: DatabaseMark): Promise<void> {
  const action = {
    type: 'startWorkflow',
    workflowType: reconcileWorkflow,
    workflowId: scheduleId(taskQueue),
    taskQueue,
    args: [mark],
  } as const;
  const spec = { intervals: [{ every: '365 days' }] };
  const state = { paused: true, note: 'Remembers which MongoDB belongs to these orders. Keep it paused.' };
  try {
    await client.schedule.getHandle(scheduleId(taskQueue)).update(() => ({ action, spec, state }));
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    try {
      await client.schedule.create({ scheduleId: scheduleId(taskQueue), action, spec, state });
    } catch (created) {
      // Another process created it first: the next comparison updates it.
      if (!(created instanceof ScheduleAlreadyRunning)) throw created;
    }
  }
}
