import { proxyActivities } from '@temporalio/workflow';
import type { ReconcileActivities, ReconcileSummary } from './reconcile-messages.js';

/** Retries for an hour at most: the schedule starts the next reconciliation anyway. */
const activities = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '1 hour',
  scheduleToCloseTimeout: '1 hour',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/**
 * Compares open and recently closed orders with the journal and the views, once. A schedule starts
 * it every few minutes.
 */
export async function reconcile(): Promise<ReconcileSummary> {
  return await activities.reconcile();
}
