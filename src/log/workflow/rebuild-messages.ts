/** Name of the workflow type that rebuilds a view or a store. */
export const rebuildWorkflow = 'rebuild';

/** Name of the workflow type that rolled the view `orders` back; one that runs still ends as a rebuild. */
export const rollBackWorkflow = 'rollBackOrders';

/** One rebuild at a time for each name: its id is taken while it runs. */
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
  /** Rebuilds the view `orders` in place of a roll-back. */
  rollBackOrders(rebuildId: string): Promise<boolean>;
}
