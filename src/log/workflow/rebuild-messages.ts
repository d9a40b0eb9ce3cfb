/** Name of the workflow type that rebuilds a view or a store. */
export const rebuildWorkflow = 'rebuild';

/**
 * Name of a workflow type of an earlier version, which rolled the view `orders` back. If one still
 * runs, it rebuilds the view.
 */
export const rollBackWorkflow = 'rollBackOrders';

/**
 * One id for each view or store: Temporal runs one workflow of an id at a time, so rebuilds of the
 * same name never overlap.
 */
export function rebuildWorkflowId(name: string, taskQueue: string): string {
  return `rebuild-${name}@${taskQueue}`;
}

export interface RebuildActivities {
  /**
   * Rebuilds the view or store of this name.
   *
   * @param rebuildId the same for all tries: a later try continues where an earlier one ended
   * @returns false if the rebuild is not complete and this must be called again
   */
  rebuild(name: string, rebuildId: string): Promise<boolean>;
  /** Rebuilds the view `orders` instead of rolling it back. */
  rollBackOrders(rebuildId: string): Promise<boolean>;
}
