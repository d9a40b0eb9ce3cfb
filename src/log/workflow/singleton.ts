import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import type { SingletonActivities, SingletonTask } from './singleton-messages.js';

/** If the worker that holds the task sends no heartbeat for this long, another one takes over. */
const silence = '4s';

const activities = proxyActivities<SingletonActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: silence,
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '2s' },
});

/**
 * Runs a task without an end on one worker at a time: the workflow is the lease. The activity
 * returns now and then, and the workflow continues as new, so that its history stays short. If the
 * worker is lost, Temporal retries the activity on another.
 */
export async function singleton(task: SingletonTask): Promise<never> {
  await activities[task.activity](task.name);
  return await continueAsNew<typeof singleton>(task);
}
