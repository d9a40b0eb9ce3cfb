import { proxyActivities } from '@temporalio/workflow';

/** Activities that an earlier version ran in one worker at a time. They now return at once. */
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
 * The workflow by which an earlier version of the code held a task's lease. Leases are now kept in
 * MongoDB (`runLeasedTasks`). A workflow of this type that still runs ends when a worker of this
 * version has executed its activity.
 */
export async function standing({ activity, name }: StandingWork): Promise<void> {
  await activities[activity](name);
}
