import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import { reconcileWorkflow } from '../log/workflow/reconcile-messages.js';
import { feedTaskQueue } from '../log/workflow/singleton-messages.js';

/**
 * What Temporal notes of MongoDB, so that an empty MongoDB, or an older backup, is known as such.
 *
 * It is the argument of a Schedule that is paused for ever; started by hand, it makes one more reconciliation. A Schedule outlives the retention of
 * workflows, needs no worker, and no right that the schedule of reconciliations does not need; the data of a namespace
 * takes an operator's rights, and a workflow's memo ends with its retention.
 */
export interface DatabaseMark {
  /** made when the database was set up first */
  readonly database: string;
  /** how often it was compared with this mark */
  readonly comparisons: number;
  readonly counts: Counts;
}

/** How often each SKU was counted, for those that ever were; or that they are too many to be noted. */
export type Counts = readonly (readonly [sku: string, counts: number])[] | 'many';

interface Deployment {
  readonly client: Client;
  /** of the orders' workflows: the name of a deployment */
  readonly taskQueue: string;
}

function scheduleId(taskQueue: string): string {
  return `${taskQueue}-database`;
}

export async function readMark({ client, taskQueue }: Deployment): Promise<DatabaseMark | undefined> {
  try {
    const { action } = await client.schedule.getHandle(scheduleId(taskQueue)).describe();
    // Written by `writeMark`, and by nothing else.
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
    taskQueue: feedTaskQueue(taskQueue),
    args: [mark],
  } as const;
  const spec = { intervals: [{ every: '365 days' }] };
  const state = { paused: true, note: 'Notes that a MongoDB was set up for these orders. Keep it paused.' };
  try {
    await client.schedule.getHandle(scheduleId(taskQueue)).update(() => ({ action, spec, state }));
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    try {
      await client.schedule.create({ scheduleId: scheduleId(taskQueue), action, spec, state });
    } catch (created) {
      // Another process was faster: the next comparison writes it again.
      if (!(created instanceof ScheduleAlreadyRunning)) throw created;
    }
  }
}
