/**
 * The task queue of the activities of rebuilds and reconciliations, which the role `feed` polls.
 * Their workflows are on the task queue of the entities' workflows, and the role `worker` runs
 * them.
 */
export function feedTaskQueue(taskQueue: string): string {
  return `${taskQueue}-feed`;
}

/**
 * Names of the workflow types. Workers of an earlier version know the types `rebuild` and
 * `reconcile`, and would send their activities to another task queue (decision 18). They do not
 * know these names, so their workflow tasks fail, and Temporal retries them until a worker of this
 * version takes them.
 */
export const rebuildWorkflow = 'rebuildData';
export const reconcileWorkflow = 'reconcileAll';

/**
 * One id for each feed view or store: Temporal runs one workflow of an id at a time, so rebuilds of
 * the same name never overlap.
 *
 * @param taskQueue the task queue of the entities' workflows
 */
export function rebuildWorkflowId(name: string, taskQueue: string): string {
  return `rebuild-${name}@${feedTaskQueue(taskQueue)}`;
}

/**
 * The name of the feed view or store that the workflow with this id rebuilds; undefined if it is
 * not a rebuild.
 */
export function rebuiltBy(workflowId: string): string | undefined {
  return /^rebuild-(.+)@/.exec(workflowId)?.[1];
}

/** The schedule's id. Each deployment has its own schedule, named after its task queue. */
export function reconcileScheduleId(taskQueue: string): string {
  return `${taskQueue}-reconcile`;
}

export interface RebuildActivities {
  /**
   * Rebuilds the feed view or store of this name.
   *
   * @param rebuildId the same for all attempts: a later one continues where an earlier one ended
   * @returns false if the rebuild is not complete and this must be called again
   */
  rebuild(name: string, rebuildId: string): Promise<boolean>;
}

export interface ReconcileActivities {
  /** Compares histories, journals and views, and records what journals and views lack. */
  reconcile(): Promise<ReconcileSummary>;
}

/** The result that the Web UI shows; the stored report has the details. */
export interface ReconcileSummary {
  /** how many orders were open, or closed since the last run; the name is persisted */
  readonly orders: number;
  readonly repaired: number;
  /** how many discrepancies need an operator */
  readonly found: number;
}
