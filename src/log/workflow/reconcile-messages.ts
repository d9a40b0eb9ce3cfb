/**
 * Name of the workflow type, and of its activity, that compare orders with their journal and their
 * views.
 */
export const reconcileWorkflow = 'reconcile';

export interface ReconcileActivities {
  reconcile(): Promise<ReconcileSummary>;
}

/** The result that the Web UI shows; the stored report has the details. */
export interface ReconcileSummary {
  /** how many orders were compared */
  readonly orders: number;
  readonly repaired: number;
  /** how many discrepancies need a person */
  readonly found: number;
}

/** The schedule's id. Each deployment has its own, named after its task queue. */
export function reconcileScheduleId(taskQueue: string): string {
  return `${taskQueue}-reconcile`;
}
