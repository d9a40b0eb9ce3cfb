/** The task queue of rebuilds and reconciliations, which the role `feed` polls. */
export function feedTaskQueue(taskQueue: string): string {
  return `${taskQueue}-feed`;
}
