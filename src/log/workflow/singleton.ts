import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import type { StandingActivities, StandingTask } from './singleton-messages.js';

/** A holder that is silent this long is given up, and another worker takes over. */
const silence = '4s';

const activities = proxyActivities<StandingActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: silence,
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '2s' },
});

/**
 * Work that goes on for ever and that one worker at a time may do: the workflow is the lease. The activity returns now and
 * then, so that no run grows; it fails, or falls silent, when its worker does.
 */
export async function standing(task: StandingTask): Promise<never> {
  await activities[task.activity](task.name);
  return await continueAsNew<typeof standing>(task);
}
