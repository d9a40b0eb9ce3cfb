/** Name of the workflow type that compares orders with their journal and their views, and of its activity. */
export const reconcileWorkflow = 'reconcile';

export interface ReconcileActivities {
  reconcile(): Promise<ReconcileSummary>;
}

/** What came of it, as the Web UI shows it; the report has the rest. */
export interface ReconcileSummary {
  /** orders that were looked at */
  readonly orders: number;
  readonly repaired: number;
  /** discrepancies that are left for people to look at */
  readonly found: number;
}

/** The schedule of a deployment, which is known by its task queue. */
export function reconcileScheduleId(taskQueue: string): string {
  return `${taskQueue}-reconcile`;
}
