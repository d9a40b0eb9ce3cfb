/** Name of the workflow type for work without an end. It is persisted. */
export const singletonWorkflow = 'standing';

/**
 * Activities that one worker at a time performs, without an end. Each takes the name of what it
 * works on.
 */
export interface SingletonActivities {
  /** Gives events their positions. */
  sequence(name: string): Promise<void>;
  /** Feeds one view across orders. */
  project(name: string): Promise<void>;
}

export interface SingletonTask {
  readonly activity: keyof SingletonActivities;
  readonly name: string;
}

/**
 * One workflow for each task. The id has the task queue, because a namespace may have several
 * deployments.
 */
export function singletonWorkflowId({ activity, name }: SingletonTask, taskQueue: string): string {
  return `${activity}-${name}@${taskQueue}`;
}

/** The task queue of these tasks, which the role `feed` polls. */
export function feedTaskQueue(taskQueue: string): string {
  return `${taskQueue}-feed`;
}
