/** Name of the workflow type that rebuilds a view or a store. */
export const rebuildWorkflow = 'rebuild';

/** Name of the workflow type that takes the view `orders` back to what its last rebuild replaced. */
export const rollBackWorkflow = 'rollBackOrders';

/** One rebuild or roll-back at a time for each: its id is taken while it runs. */
export function rebuildWorkflowId(name: string, taskQueue: string): string {
  return `rebuild-${name}@${taskQueue}`;
}

export interface RebuildActivities {
  /**
   * Rebuilds what has this name.
   *
   * @param rebuildId the same for all tries: a later one goes on where an earlier one was
   * @returns false where it is to be called again
   */
  rebuild(name: string, rebuildId: string): Promise<boolean>;
  /** Takes the view `orders` back to what its last rebuild replaced; otherwise as `rebuild`. */
  rollBackOrders(rebuildId: string): Promise<boolean>;
}
