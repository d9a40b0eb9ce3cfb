/** Name of the workflow type that rebuilds a view or a store. */
export const rebuildWorkflow = 'rebuild';

/** One at a time for each: its id is taken while it runs. */
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
}
