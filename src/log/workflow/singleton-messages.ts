/** Name of the workflow type for work that goes on for ever. */
export const standingWorkflow = 'standing';

/** The activities that work for ever, or until they are cancelled. Each takes the name of what it works on. */
export interface StandingActivities {
  /** Gives events their positions. */
  sequence(name: string): Promise<void>;
  /** Feeds one view across orders. */
  project(name: string): Promise<void>;
}

export interface StandingTask {
  readonly activity: keyof StandingActivities;
  readonly name: string;
}

/** One workflow for each piece of standing work; a namespace may have several deployments, each with its own task queue. */
export function standingWorkflowId({ activity, name }: StandingTask, taskQueue: string): string {
  return `${activity}-${name}@${taskQueue}`;
}

/** Standing work has a task queue of its own, polled by the role `feed`. */
export function feedTaskQueue(taskQueue: string): string {
  return `${taskQueue}-feed`;
}
