import { proxyActivities } from '@temporalio/workflow';

/** What one worker at a time did for an earlier version of the code. Today they return at once. */
export interface StandingActivities {
  sequence(name: string): Promise<void>;
  project(name: string): Promise<void>;
}

export interface StandingWork {
  readonly activity: keyof StandingActivities;
  readonly name: string;
}

const activities = proxyActivities<StandingActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '4s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '2s' },
});

/**
 * The lease of an earlier version, which kept it in a workflow for each task: `runLeasedTasks` keeps
 * leases in MongoDB. One that still runs ends when a worker of this version has its activity.
 */
export async function standing({ activity, name }: StandingWork): Promise<void> {
  await activities[activity](name);
}
